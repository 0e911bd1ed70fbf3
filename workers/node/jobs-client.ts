/** Calls the server's `jobs.*` procedures: one connection a process or thread, shared by all calls, which holds no process up. */
import { randomUUID } from 'node:crypto'
import { ErrorCode, hasCode, messageOf, RelayError } from '../../src/core/errors.js'
import { connectRpc, type RpcClient } from '../../src/ipc/rpc/client.js'

/** Options of one job. */
export interface PushOptions {
  /** Name of the job, `rr.jobs` by default: in `mode: jobs` workers are told it. */
  readonly job?: string
  /** A random one by default. */
  readonly id?: string
  readonly headers?: Readonly<Record<string, string | readonly string[]>>
  /** Time before it may run, rounded up to whole seconds. */
  readonly delayMs?: number
  /** Weight from 1 to 1000, a lower one comes first; the pipeline's by default. */
  readonly priority?: number
  /** Acknowledged before it runs: it runs once at most. */
  readonly autoAck?: boolean
}

/** One job of many. */
export interface JobToPush extends PushOptions {
  readonly body: unknown
}

/** Options of a call. */
export interface PushCallOptions {
  /** Time for the server's answer, 60 s by default. */
  readonly timeoutMs?: number
}

const connectMsMax = 5_000
const answerMsMax = 60_000

/** Makes the message of a job as `jobs.Push` takes it. Throws where the body is not JSON, or the delay not a time. */
export function messageOfJob(pipeline: string, given: JobToPush) {
  const { body, job = 'rr.jobs', id = randomUUID(), headers = {}, delayMs = 0 } = given
  const { priority = 0, autoAck = false } = given
  if (!(delayMs >= 0 && delayMs < Number.POSITIVE_INFINITY))
    throw new RangeError(`delayMs is ${delayMs}; it must be a number of milliseconds from 0`)
  return {
    job,
    id,
    payload: bytesOf(body).toString('base64'),
    headers: Object.fromEntries(
      Object.entries(headers).map(([key, value]) => [key, { value: [value].flat() }]),
    ),
    options: { pipeline, delay: Math.ceil(delayMs / 1000), priority, auto_ack: autoAck },
  }
}

function bytesOf(body: unknown): Buffer {
  if (typeof body === 'string') return Buffer.from(body)
  if (ArrayBuffer.isView(body)) return Buffer.from(body.buffer, body.byteOffset, body.byteLength)
  if (body instanceof ArrayBuffer) return Buffer.from(body)
  return Buffer.from(JSON.stringify(body ?? null) ?? 'null')
}

/** Calls a procedure at RR_RPC. A connection that was lost before is opened again; what was sent is never sent twice. */
export async function callServer(name: string, input: object, timeoutMs = answerMsMax): Promise<void> {
  const link = await linkTo(serverAddress())
  await link.call(name, input, timeoutMs)
}

function serverAddress(): string {
  const address = process.env.RR_RPC ?? ''
  if (/^unix:\/\/.|^tcp:\/\/.+:\d+$/.test(address)) return address
  if (/^[^/]+:\d+$/.test(address)) return `tcp://${address}`
  const what = address === '' ? 'RR_RPC is not set' : `RR_RPC is ${JSON.stringify(address)}`
  const text = `${what}: workers have it from the server; other programs name rpc.listen of its rr.yaml, unix://PATH or tcp://HOST:PORT`
  throw new RelayError(ErrorCode.AddressInvalid, text)
}

let current: { readonly address: string; readonly link: Promise<Link> } | undefined

async function linkTo(address: string): Promise<Link> {
  if (current?.address !== address) {
    const opened = { address, link: openLink(address) }
    current = opened
    // Also where it could not be opened: the next call tries again.
    const forget = () => {
      if (current === opened) current = undefined
    }
    opened.link.then((link) => link.ended.then(forget), forget)
  }
  return current.link
}

async function openLink(address: string): Promise<Link> {
  return new Link(await connectRpc(address, { timeoutMs: connectMsMax }))
}

/** A connection. It keeps the process running while calls wait, and takes no further ones after a call was not answered in time. */
class Link {
  /** Resolves when it takes no further calls. */
  readonly ended: Promise<void>
  readonly #client: RpcClient
  #waitingCount = 0
  #isGivenUp = false
  #end: () => void = () => undefined

  constructor(client: RpcClient) {
    this.#client = client
    const givenUp = new Promise<void>((resolve) => {
      this.#end = resolve
    })
    this.ended = Promise.race([client.closed, givenUp])
  }

  async call(name: string, input: object, timeoutMs: number): Promise<void> {
    this.#waitingCount += 1
    this.#client.ref()
    try {
      await this.#client.call({ name, read: () => undefined }, input, timeoutMs)
    } catch (error) {
      if (!hasCode(error, ErrorCode.NotAnswering)) throw error
      // The server runs calls of a connection in turn: others would wait behind this one.
      this.#isGivenUp = true
      this.#end()
      const text = `${messageOf(error)}; what it pushes may be in the queue all the same`
      throw new RelayError(ErrorCode.NotAnswering, text, { cause: error })
    } finally {
      this.#waitingCount -= 1
      if (this.#waitingCount === 0) {
        if (this.#isGivenUp) this.#client.close()
        else this.#client.unref()
      }
    }
  }
}
