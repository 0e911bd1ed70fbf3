/** A server with queues of its own, a client of RoadRunner's RPC, and what its workers wrote down. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { FrameFlag } from '../../src/ipc/frame.js'
import { type RawRpc, rawRpc, requestBytes } from './rpc.js'
import { type RunningRr, started, startRr, testFolder, workerText } from './rr.js'

/** A job as RoadRunner's clients send it in JSON. */
interface PushedJob {
  readonly id: string
  readonly body?: unknown
  readonly job?: string
  readonly headers?: Readonly<Record<string, readonly string[]>>
  readonly options?: Readonly<Record<string, unknown>>
}

/** A running server. */
export interface QueueServer {
  readonly rr: RunningRr
  readonly folder: string
  /** Calls a procedure in JSON; rejects with the text of an error. */
  call(method: string, argument?: unknown): Promise<unknown>
  push(pipeline: string, ...jobs: readonly PushedJob[]): Promise<unknown>
  /** Lines of a file that workers wrote. */
  lines(name: 'tries' | 'done' | 'contexts'): readonly string[]
}

/** Options of a server. */
export interface QueueServerOptions {
  /** The `jobs` section without its pool, each line on its own. */
  readonly jobs: readonly string[]
  readonly workers?: number
  readonly worker?: string
  /** Keys of the pool. */
  readonly pool?: string
  readonly folder?: string
  readonly env?: Readonly<Record<string, string>>
  /** Lines of other sections. */
  readonly sections?: readonly string[]
}

/** Starts `rr serve`; its workers are those of the fixture `deeds` unless others are given. */
export async function startQueues(t: TestContext, options: QueueServerOptions): Promise<QueueServer> {
  const folder = options.folder ?? (await testFolder(t))
  const { workers = 2, worker = workerText('deeds', folder), pool = '', jobs, env, sections = [] } = options
  const config = [
    'version: "3"',
    `server: { command: ${JSON.stringify(worker)} }`,
    'rpc: { listen: "unix://rpc-test.sock" }',
    'jobs:',
    `  pool: { num_workers: ${workers}${pool === '' ? '' : `, ${pool}`} }`,
    ...jobs.map((line) => `  ${line}`),
    ...sections,
    '',
  ].join('\n')
  const rr = await startRr(t, ['serve'], { folder, config, ...(env === undefined ? {} : { env }) })
  await started(rr)
  const client = await rawRpc(t, join(folder, 'rpc-test.sock'))
  const call = caller(client)
  return {
    rr,
    folder,
    call,
    push: (pipeline, ...jobs) =>
      call('jobs.PushBatch', { jobs: jobs.map((job) => messageOf(pipeline, job)) }),
    lines: (name) => {
      const path = join(folder, name)
      return existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n').filter(Boolean) : []
    },
  }
}

/** Calls procedures in JSON over one connection. */
function caller(client: RawRpc): QueueServer['call'] {
  let sequence = 0
  return async (method, argument = {}) => {
    sequence += 1
    client.socket.write(requestBytes(sequence, method, argument))
    const { data, isError, codec } = await client.answer(sequence)
    if (isError) throw new Error(data.toString())
    if (codec !== FrameFlag.json) throw new Error(`an answer in the codec ${codec}`)
    return JSON.parse(data.toString())
  }
}

function messageOf(
  pipeline: string,
  { id, body = { id }, job = 'app.job', headers = {}, options }: PushedJob,
) {
  return {
    job,
    id,
    payload: Buffer.from(JSON.stringify(body)).toString('base64'),
    headers: Object.fromEntries(Object.entries(headers).map(([key, value]) => [key, { value }])),
    options: { pipeline, ...options },
  }
}

/** A row of `jobs.Stat`. */
export async function statOf(
  server: QueueServer,
  pipeline: string,
): Promise<Readonly<Record<string, unknown>>> {
  const { stats = [] } = Object(await server.call('jobs.Stat'))
  return Object(stats.find((one: { readonly pipeline: string }) => one.pipeline === pipeline))
}
