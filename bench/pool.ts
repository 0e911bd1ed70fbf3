/** Messages per second and microseconds of the server's CPU per message, through one, two and four workers. */
import { spawnSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Codec } from '../src/supervisor/job.js'
import type { Pool } from '../src/supervisor/pool/pool.js'
import { poolDefaults } from '../tests/helpers/pool.js'
import { projectFolder } from '../tests/helpers/project.js'
import { benchHost } from './host.js'

const measureMs = 1500
const warmMs = 500
const workerCounts = [1, 2, 4]
const sizes: readonly [name: string, bytes: number][] = [
  ['100 B', 100],
  ['1 KB', 1024],
  ['64 KB', 65536],
]

/** Prints one row a language, size and number of workers. */
export async function benchPool(): Promise<void> {
  console.log('pool alone: jobs/s, µs of server CPU a job (callers = 2 × workers)')
  for (const [language, command] of commands()) {
    for (const [size, bytes] of sizes) {
      const cells: string[] = []
      for (const workers of workerCounts) cells.push(await measure(command, bytes, workers))
      console.log(`  ${language.padEnd(5)} ${size.padStart(6)}   ${cells.join('   ')}`)
    }
  }
}

function commands(): [string, string[]][] {
  const node: [string, string[]] = [
    'node',
    [process.execPath, join(projectFolder, 'tests/fixtures/workers/echo.mjs')],
  ]
  const hasPhp = spawnSync('php', ['-v'], { stdio: 'ignore' }).status === 0
  if (!hasPhp) console.log('  php is not on this machine: node only')
  return hasPhp ? [node, ['php', ['php', '-n', join(projectFolder, 'bench/worker.php'), 'echo']]] : [node]
}

/** Command of the echo worker that costs the machine least. */
export function quickestWorker(): readonly string[] {
  return commands().at(-1)?.[1] ?? []
}

async function measure(command: readonly string[], bytes: number, workers: number): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'rr-bench-'))
  const host = benchHost(folder)
  const pool = host.open(
    { ...poolDefaults, num_workers: workers, command },
    { name: 'bench', mode: 'lambda' },
  )
  await pool.booted
  const load = new Load(pool, Buffer.alloc(bytes, 120), 2 * workers)
  await pause(warmMs)
  const [count, cpu, at] = [load.count, process.cpuUsage(), performance.now()]
  await pause(measureMs)
  const jobs = load.count - count
  const used = process.cpuUsage(cpu)
  const seconds = (performance.now() - at) / 1000
  await load.stop()
  await host.stop(0)
  await rm(folder, { recursive: true, force: true })
  const rate = Math.round(jobs / seconds)
  const each = ((used.user + used.system) / Math.max(1, jobs)).toFixed(1)
  return `${workers}: ${String(rate).padStart(6)}/s ${each.padStart(6)} µs`
}

/** Callers that each run one job after the other. */
class Load {
  count = 0
  #isOver = false
  readonly #callers: Promise<void>[]

  constructor(pool: Pool, body: Buffer, callers: number) {
    const job = { context: '{}', body, codec: Codec.raw }
    this.#callers = Array.from({ length: callers }, async () => {
      while (!this.#isOver) {
        await pool.run(job)
        this.count += 1
      }
    })
  }

  async stop(): Promise<void> {
    this.#isOver = true
    await Promise.all(this.#callers)
  }
}

/** Lets the load run. */
function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
