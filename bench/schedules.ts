/** Ten thousand seeded schedules of a queue or a stream, its mapping and an environment against the real plugin. */
import { askedSeeds, playSeeds } from '../tests/schedules/play-seeds.js'

const schedules = 10_000
const tellEvery = 1000

/** Prints what they came to. Rejects with the seed of the first that lost, doubled or misplaced a message. */
export async function benchSchedules(): Promise<void> {
  const seeds = askedSeeds(process.env, schedules)
  const startedAt = performance.now()
  const sums = await playSeeds({
    ...seeds,
    onPlayed: (seed) => {
      const played = seed - seeds.first + 1
      if (played % tellEvery === 0) console.log(`schedules: ${played} of ${seeds.count} played`)
    },
  })
  const seconds = (performance.now() - startedAt) / 1000
  const { sent, deleted, dead, invocations, restarts, virtualMs } = sums
  console.log(
    `schedules: ${seeds.count} from seed ${seeds.first} in ${seconds.toFixed(0)} s: ${sent} messages, ${deleted} deleted, ` +
      `${dead} dead, ${invocations} invocations, ${restarts} restarts, ${(virtualMs / 3_600_000).toFixed(0)} hours of their time`,
  )
}
