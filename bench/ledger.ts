/** Measures the cost of the ledger per job: jobs a second with and without it, in turns, as a ratio. */
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sleep, systemClock } from '../src/core/clock.js'
import { fixtureCommand } from '../tests/helpers/pool.js'
import { Callers, openPool } from './storms.js'

const rounds = 6
const roundMs = 1500

/** Prints the ratio of the medians of the server's CPU time a job. */
export async function benchLedger(): Promise<void> {
  const costs = { with: [] as number[], without: [] as number[] }
  for (let round = 0; round < rounds; round += 1) {
    costs.without.push(await cost(false))
    costs.with.push(await cost(true))
  }
  const ratio = median(costs.with) / median(costs.without)
  const words = `${median(costs.without).toFixed(1)} µs without, ${median(costs.with).toFixed(1)} µs with`
  console.log(`ledger: ${words} of the server's CPU a job: ×${ratio.toFixed(3)}`)
}

async function cost(hasLedger: boolean): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'rr-bench-'))
  const { pool, ledger, close } = openPool(folder, fixtureCommand('echo'), { num_workers: 2 }, hasLedger)
  await pool.booted
  const load = new Callers(pool, hasLedger ? ledger : undefined, 4)
  await sleep(systemClock, roundMs / 3)
  const [before, cpu] = [load.done, process.cpuUsage()]
  await sleep(systemClock, roundMs)
  const { user, system } = process.cpuUsage(cpu)
  const jobs = load.done - before
  await load.end()
  await close()
  return (user + system) / Math.max(1, jobs)
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
}
