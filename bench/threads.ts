/** The same handler in processes and in threads, side by side in one run: time to the first answer, jobs a second, and the ratio. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Codec } from '../src/supervisor/job.js'
import type { PoolConfig } from '../src/supervisor/pool/keys.js'
import type { ManagedPool } from '../src/supervisor/pool/pool.js'
import { poolDefaults } from '../tests/helpers/pool.js'
import { buildFolder, projectFolder } from '../tests/helpers/project.js'
import { benchHost } from './host.js'

const rounds = 5
const measureMs = 1000
const handler = join(projectFolder, 'tests/fixtures/handlers/echo.mjs')
const commands = {
  process: [process.execPath, join(buildFolder, 'workers/node/run.js'), handler],
  thread: [handler],
} as const
const kinds = ['process', 'thread'] as const

interface Figures {
  readonly firstMs: number
  readonly jobsPerSecond: number
  readonly residentMegabytes: number
}

/** Prints one row a size of the body; the rounds of both kinds take turns. */
export async function benchThreads(): Promise<void> {
  console.log(`threads and processes: the same handler, 2 workers, medians of ${rounds} rounds`)
  for (const [name, bytes] of [
    ['100 B', 100],
    ['64 KB', 65536],
  ] as const) {
    const found: Record<(typeof kinds)[number], Figures[]> = { process: [], thread: [] }
    for (let round = 0; round < rounds; round += 1)
      for (const kind of kinds) found[kind].push(await measure(kind, bytes))
    const of = (kind: (typeof kinds)[number], key: keyof Figures) =>
      median(found[kind].map((one) => one[key]))
    for (const key of ['firstMs', 'jobsPerSecond', 'residentMegabytes'] as const) {
      const [one, other] = [of('process', key), of('thread', key)]
      const ratio = (other / one).toFixed(2)
      console.log(
        `  ${name} ${key.padEnd(18)} process ${one.toFixed(0).padStart(6)}  thread ${other.toFixed(0).padStart(6)}  ratio ${ratio}`,
      )
    }
  }
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
}

async function measure(runtime: (typeof kinds)[number], bytes: number): Promise<Figures> {
  const folder = await mkdtemp(join(tmpdir(), 'rr-bench-'))
  const host = benchHost(folder)
  const config: PoolConfig = { ...poolDefaults, num_workers: 2, runtime, command: [...commands[runtime]] }
  const job = { context: '{}', body: Buffer.alloc(bytes, 120), codec: Codec.raw }
  const startedAt = performance.now()
  const pool = host.open(config, { name: 'bench', mode: 'lambda' })
  await pool.run(job)
  const firstMs = performance.now() - startedAt
  await pool.booted
  const jobsPerSecond = await rate(pool, job)
  const resident = (await pool.workers()).reduce((sum, one) => sum + one.memoryBytes, 0)
  await host.stop(0)
  await rm(folder, { recursive: true, force: true })
  return { firstMs, jobsPerSecond, residentMegabytes: resident / 2 ** 20 }
}

/** Four callers that each run one job after the other. */
async function rate(pool: ManagedPool, job: Parameters<ManagedPool['run']>[0]): Promise<number> {
  const endAt = performance.now() + measureMs
  let count = 0
  const caller = async () => {
    while (performance.now() < endAt) {
      await pool.run(job)
      count += 1
    }
  }
  const startedAt = performance.now()
  await Promise.all([caller(), caller(), caller(), caller()])
  return (1000 * count) / (performance.now() - startedAt)
}
