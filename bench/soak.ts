/**
 * `npm run bench soak [JOBS] [SEED]`: jobs of one `rr serve` under a storm of faults. Workers are killed, stopped and reset at random, end
 * before they answer, answer in halves and twice, flood their output and grow; the log's reader stands still. A ledger of its own
 * says whether anything was lost or acknowledged without having been done. `npm test` runs a small one.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Random, seededRandom } from '../src/core/random.js'
import { endingWithUs } from '../tests/helpers/mortal.js'
import { childrenOf, commandOf, signalIfAlive } from '../tests/helpers/processes.js'
import { rrCommand } from '../tests/helpers/project.js'
import { lambdaConfig, workerText } from '../tests/helpers/rr.js'
import { SoakApi, type SoakCounts } from './soak-api.js'

/** Result of a soak. */
export interface SoakResult extends SoakCounts {
  readonly jobs: number
  readonly seed: number
  /** Records that were neither acknowledged nor reported as failed at the end. */
  readonly lost: number
  readonly seconds: number
  readonly faults: Readonly<Record<string, number>>
  readonly exitCode: number | null
  /** Processes of the server that outlived it. */
  readonly left: number
  readonly samples: readonly SoakSample[]
}

/** State of the server at one moment. */
interface SoakSample {
  readonly done: number
  readonly memoryMb: number
  readonly descriptors: number
}

const jobsDefault = 300_000
const workers = 4
const batch = 50
const faultShare = 0.01
const samplesMax = 12
const storm = ['SIGKILL', 'SIGSEGV', 'SIGABRT', 'SIGTERM', 'SIGSTOP', 'reset', 'stalled log'] as const

/** Prints a table; exits 1 when a record was lost or acknowledged without being done, or a process was left behind. */
export async function benchSoak(jobs = jobsDefault, seed = 1): Promise<void> {
  const result = await soak({ jobs, seed, stopMsMax: 3000, pauseMsMax: 500 })
  const { samples, faults, ...sums } = result
  console.log(`soak of ${jobs} jobs, seed ${seed}:`)
  console.table(samples)
  console.table([faults])
  console.table([sums])
  const bad = sums.lost + sums.phantom + sums.strange + sums.left
  if (bad > 0 || sums.exitCode !== 0) process.exitCode = 1
}

/** Settings of one soak. */
export interface SoakSettings {
  readonly jobs: number
  readonly seed: number
  /** The longest stop of a worker, and of the log's reader, in ms. */
  readonly stopMsMax: number
  /** The longest pause between two faults from outside, in ms. */
  readonly pauseMsMax: number
}

/** Runs one soak. */
export async function soak({ jobs, seed, stopMsMax, pauseMsMax }: SoakSettings): Promise<SoakResult> {
  const random = seededRandom(seed)
  const folder = await mkdtemp(join(tmpdir(), 'rr-soak-'))
  const doneFile = join(folder, 'done')
  await writeFile(doneFile, '')
  const api = new SoakApi({ jobs, batch, faultShare, random, doneFile })
  const server = await startServer(folder, await api.listen(), doneFile)
  const since = performance.now()
  const faults: Record<string, number> = {}
  const samples: SoakSample[] = []
  const closed = once(server, 'close')
  try {
    let isOver = false
    const over = Promise.race([api.finished, closed]).then(() => {
      isOver = true
    })
    while (!isOver) {
      await Promise.race([over, pause(random() * pauseMsMax)])
      if (isOver) break
      const fault = await makeTrouble({ server, folder, random, stopMsMax })
      faults[fault] = (faults[fault] ?? 0) + 1
      if (api.counts.done >= (jobs * (samples.length + 1)) / samplesMax)
        samples.push(await sample(server, api))
    }
    samples.push(await sample(server, api))
    const all = childrenOf(server.pid ?? 0)
    server.stderr?.resume()
    server.kill('SIGTERM')
    await closed
    const left = all.filter((pid) => commandOf(pid).includes('soak.mjs')).length
    const seconds = Math.round((performance.now() - since) / 100) / 10
    const { exitCode } = server
    return { jobs, seed, ...api.counts, lost: api.openCount, seconds, faults, exitCode, left, samples }
  } finally {
    server.kill('SIGKILL')
    api.close()
    await rm(folder, { recursive: true, force: true })
  }
}

async function startServer(folder: string, address: string, doneFile: string): Promise<ChildProcess> {
  const lambda = 'retry: log'
  const config = lambdaConfig(workerText('soak', doneFile), { count: workers, more: '', lambda })
  const pool = `  pool: { num_workers: ${workers}, crash_loop: { deaths: 100000 }, supervisor: { max_worker_memory: 150, watch_tick: 1s } }`
  await writeFile(join(folder, 'rr.yaml'), config.replace(/ {2}pool:.*\n {2}retry.*/, pool))
  const [file, ...words] = endingWithUs([process.execPath, rrCommand, 'serve', '-c', 'rr.yaml'])
  const env = { ...process.env, AWS_LAMBDA_RUNTIME_API: address }
  const server = spawn(file, words, { cwd: folder, env, stdio: ['ignore', 'ignore', 'pipe'] })
  server.stderr.resume()
  return server
}

interface Trouble {
  readonly server: ChildProcess
  readonly folder: string
  readonly random: Random
  readonly stopMsMax: number
}

/** Causes one fault from outside and returns its name. */
async function makeTrouble({ server, folder, random, stopMsMax }: Trouble): Promise<string> {
  const kind = storm[Math.floor(random() * storm.length)] ?? 'SIGKILL'
  const stopMs = 300 + random() * (stopMsMax - 300)
  if (kind === 'reset') {
    const reset = spawn(process.execPath, [rrCommand, 'reset'], { cwd: folder, stdio: 'ignore' })
    await once(reset, 'close')
    return kind
  }
  if (kind === 'stalled log') {
    server.stderr?.pause()
    setTimeout(() => server.stderr?.resume(), stopMs)
    return kind
  }
  const victims = childrenOf(server.pid ?? 0).filter((pid) => commandOf(pid).includes('soak.mjs'))
  const victim = victims[Math.floor(random() * victims.length)]
  if (victim === undefined) return 'no process'
  signalIfAlive(victim, kind)
  if (kind === 'SIGSTOP') setTimeout(() => signalIfAlive(victim, 'SIGCONT'), stopMs)
  return kind
}

async function sample(server: ChildProcess, api: SoakApi): Promise<SoakSample> {
  const { pid } = server
  const [statm, descriptors] = await Promise.all([
    readFile(`/proc/${pid}/statm`, 'latin1').catch(() => '0 0'),
    readdir(`/proc/${pid}/fd`).catch(() => []),
  ])
  const memoryMb = Math.round((Number(statm.split(' ')[1]) * 4096) / 1e5) / 10
  return { done: api.counts.done, memoryMb, descriptors: descriptors.length }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
