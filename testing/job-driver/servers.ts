/** Servers of a case: `rr serve` in processes of their own, whose workers write into one file, and a client to push with. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { readEnvironment } from '../../config/env.js'
import { objectOf } from '../../src/core/json.js'
import { builtFile } from '../../src/core/package-files.js'
import { sleep, systemClock } from '../../src/index.js'
import { connectRpc, type RpcClient } from '../../src/ipc/rpc/client.js'
import { type Deed, type JobEvent, readEvents } from './events.js'
import { pipelineName } from './sources.js'
import type { CaseContext, DriverQueue, JobDriverSuite } from './suite.js'

/** Options of a server. */
interface SuiteServerOptions {
  readonly queue: DriverQueue
  readonly workers?: number
  readonly retry?: Readonly<Record<string, unknown>>
}

/** A running server. */
export interface SuiteServer {
  readonly child: ChildProcess
  /** Calls a procedure in JSON. */
  call(method: string, argument?: unknown): Promise<unknown>
  /** Pushes jobs; resolves when the queue has taken them. */
  push(deeds: readonly (Partial<Deed> & { readonly id: string })[]): Promise<void>
  /** Ends it with SIGTERM, and checks that it ends with 0. */
  stop(): Promise<void>
  kill(): Promise<void>
  /** Everything that it logged. */
  text(): string
}

/** The servers of one case. */
export interface SuiteServers {
  /** Starts a server of a name; one that was ended starts again in the same folder. */
  start(name: string, options: SuiteServerOptions): Promise<SuiteServer>
  /** Lines that workers have written so far. */
  events(): readonly JobEvent[]
  /** Ids of jobs that are done, once an end. */
  done(): readonly string[]
}

/** Workers of a server unless a case says another number. */
export const workersDefault = 2

const startedText = '"server started"'
const lookEveryMs = 15
const startMsMax = 30_000
const endMsMax = 30_000

/** Resolves when a condition holds. Throws with `what` when it does not in time. */
export async function until(what: () => string, isTrue: () => unknown, patienceMs = 30_000): Promise<void> {
  const endMs = systemClock.monotonicMs() + patienceMs
  const { signal } = new AbortController()
  while ((await isTrue()) !== true) {
    if (systemClock.monotonicMs() > endMs) throw new Error(`not within ${patienceMs} ms: ${what()}`)
    await sleep(systemClock, lookEveryMs, signal)
  }
}

/** Makes the folder of a case. */
export async function suiteServers(t: CaseContext, suite: JobDriverSuite): Promise<SuiteServers> {
  const folder = await mkdtemp(join(tmpdir(), 'rr-suite-'))
  t.after(() => rm(folder, { recursive: true, force: true, maxRetries: 10 }))
  return {
    events: () => readEvents(folder),
    done: () => readEvents(folder).flatMap(({ what, id }) => (what === 'done' ? [id] : [])),
    start: async (name, options) => {
      const own = join(folder, name)
      await mkdir(own, { recursive: true })
      await writeFile(join(own, 'rr.yaml'), configOf(suite, folder, options))
      return startOne(t, suite, { folder: own, env: options.queue.env ?? {} })
    },
  }
}

/** JSON is YAML. */
function configOf(suite: JobDriverSuite, folder: string, options: SuiteServerOptions): string {
  const { queue, workers = workersDefault, retry = { backoff: '50ms' } } = options
  const worker = builtFile('testing/job-driver/worker.js')
  return JSON.stringify({
    version: '3',
    plugins: suite.plugins ?? [],
    server: { command: [process.execPath, worker, folder] },
    logs: { encoding: 'json' },
    rpc: { listen: 'unix://rpc.sock' },
    ...queue.sections,
    jobs: {
      mode: 'raw',
      pool: { num_workers: workers, destroy_timeout: '10s' },
      consume: [pipelineName],
      retry,
      pipelines: { [pipelineName]: { driver: suite.driver, config: queue.config } },
    },
  })
}

function rrOf({ rr }: JobDriverSuite): string {
  if (rr !== undefined) return rr
  const manifest = createRequire(import.meta.url).resolve('relayrunner/package.json')
  return join(dirname(manifest), 'dist/cmd/rr.js')
}

interface Place {
  readonly folder: string
  readonly env: Readonly<Record<string, string>>
}

async function startOne(t: CaseContext, suite: JobDriverSuite, { folder, env }: Place): Promise<SuiteServer> {
  const child = spawn(process.execPath, [rrOf(suite), 'serve', '-c', 'rr.yaml'], {
    cwd: folder,
    env: { ...readEnvironment(undefined), ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const closed = once(child, 'close')
  let text = ''
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
  })
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null
  const kill = async () => {
    if (!hasEnded()) child.kill('SIGKILL')
    await closed
  }
  t.after(kill)
  await until(
    () => `the server started:\n${text}`,
    () => hasEnded() || text.includes(startedText),
    startMsMax,
  )
  if (hasEnded()) throw new Error(`the server did not start:\n${text}`)
  const client = await connectRpc(`unix://${join(folder, 'rpc.sock')}`)
  t.after(() => client.close())
  return {
    child,
    text: () => text,
    call: (method, argument) => call(client, method, argument),
    push: async (deeds) => {
      await call(client, 'jobs.PushBatch', { jobs: deeds.map(messageOf) })
    },
    kill,
    stop: async () => {
      child.kill('SIGTERM')
      await until(() => `the server ended after SIGTERM:\n${text}`, hasEnded, endMsMax)
      await closed
      if (child.exitCode !== 0) throw new Error(`the server ended with ${child.exitCode}:\n${text}`)
    },
  }
}

function call(client: RpcClient, name: string, argument: unknown = {}): Promise<unknown> {
  return client.call({ name, read: (answer) => answer }, argument)
}

/** A job as RoadRunner's clients send it in JSON. */
function messageOf(deed: Partial<Deed> & { readonly id: string }): object {
  return {
    job: 'suite.job',
    id: deed.id,
    payload: Buffer.from(JSON.stringify(deed)).toString('base64'),
    headers: {},
    options: { pipeline: pipelineName },
  }
}

/** Kept jobs of the pipeline. */
export async function failedOf(server: SuiteServer): Promise<readonly unknown[]> {
  const { jobs } = objectOf(await server.call('jobs.Failed', { pipeline: pipelineName }))
  return Array.isArray(jobs) ? jobs : []
}

/** Jobs that the queue still has, as far as it knows; undefined where it cannot say. */
export async function leftOf(server: SuiteServer): Promise<number | undefined> {
  const { pipelines } = objectOf(await server.call('jobs.States'))
  const [state] = Array.isArray(pipelines) ? pipelines.map(objectOf) : []
  const { active, delayed, reserved } = state ?? {}
  if (typeof active !== 'number' || typeof delayed !== 'number' || typeof reserved !== 'number')
    return undefined
  return active + delayed + reserved
}
