/** Counts the processes that a storm of kills leaves behind: `npm run bench orphans` (100 rounds), `npm run bench orphans 1000`. Exits 1 if anything. */
import { type StormRound, stormRound, troubles } from '../tests/helpers/storm.js'

const roundsDefault = 100

/** Prints every round that left something, and the sums. */
export async function benchOrphans(rounds = roundsDefault): Promise<void> {
  const all: StormRound[] = []
  for (let seed = 1; seed <= rounds; seed += 1) {
    const trouble = troubles[seed % troubles.length] ?? 'none'
    const round = await stormRound(seed, trouble)
    all.push(round)
    if (round.left.length > 0) console.log(`  round ${seed}, ${trouble}: left ${round.left.join('; ')}`)
  }
  const sum = (of: (round: StormRound) => number) => all.reduce((total, round) => total + of(round), 0)
  const left = sum((round) => round.left.length)
  const gone = all.map((round) => round.goneMs).sort((a, b) => a - b)
  console.log(
    `orphans: ${rounds} killed servers, ${sum((one) => one.alive)} processes alive then, ${left} left after 2 s; ` +
      `${sum((one) => one.killed)} killed (${sum((one) => one.launchersKilled)} launchers) and ` +
      `${sum((one) => one.stopped)} stopped before; gone in ${gone[rounds >> 1]} ms (median), ${gone.at(-1)} ms (most)`,
  )
  if (left > 0) process.exitCode = 1
}
