/** One worker that runs a hundred jobs at once, in each language: a thousand waits of 100 ms, and small jobs beside a worker that runs one. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Codec } from '../src/supervisor/job.js'
import type { PoolConfig } from '../src/supervisor/pool/keys.js'
import type { ManagedPool } from '../src/supervisor/pool/pool.js'
import { poolDefaults } from '../tests/helpers/pool.js'
import { fixture } from '../tests/helpers/project.js'
import { benchHost } from './host.js'

const [waitCount, waitMs, concurrency] = [1000, 100, 100]
const [rateMs, callers] = [2000, 100]
const languages = [
  ['node', process.execPath, 'several.mjs'],
  ['python', 'python3', 'several.py'],
  ['php', 'php', 'several.php'],
] as const

/** Prints one row a language. */
export async function benchSeveral(): Promise<void> {
  const least = (waitCount / concurrency) * waitMs
  console.log(
    `${waitCount} jobs of ${waitMs} ms on one worker, ${concurrency} at once (the least is ${least} ms),`,
  )
  console.log(`  then small jobs a second of ${callers} callers, ${concurrency} at once and one at a time`)
  for (const [name, program, file] of languages) {
    const command = (count: number) => [program, fixture('sdk', file), String(count)]
    const tookMs = await withPool(command(concurrency), waits)
    const [many, one] = [await withPool(command(concurrency), rate), await withPool(command(1), rate)]
    const figures = `${tookMs.toFixed(0).padStart(6)} ms ${many.toFixed(0).padStart(8)}/s ${one.toFixed(0).padStart(8)}/s`
    console.log(`  ${name.padEnd(8)}${figures}  ratio ${(many / one).toFixed(2)}`)
  }
}

async function withPool(
  command: readonly string[],
  measure: (pool: ManagedPool) => Promise<number>,
): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'rr-bench-'))
  const host = benchHost(folder)
  const config: PoolConfig = { ...poolDefaults, num_workers: 1, command: [...command] }
  const pool = host.open(config, { name: 'bench', mode: 'lambda' })
  await pool.run(jobOf('wait 1'))
  const figure = await measure(pool)
  await host.stop(0)
  await rm(folder, { recursive: true, force: true })
  return figure
}

function jobOf(body: string) {
  return { context: '{}', body, codec: Codec.raw }
}

async function waits(pool: ManagedPool): Promise<number> {
  const since = performance.now()
  await Promise.all(Array.from({ length: waitCount }, () => pool.run(jobOf(`wait ${waitMs}`))))
  return performance.now() - since
}

async function rate(pool: ManagedPool): Promise<number> {
  const since = performance.now()
  let count = 0
  const caller = async () => {
    while (performance.now() - since < rateMs) {
      await pool.run(jobOf('pid'))
      count += 1
    }
  }
  await Promise.all(Array.from({ length: callers }, caller))
  return (count / (performance.now() - since)) * 1000
}
