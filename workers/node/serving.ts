/** Takes jobs from the relay, one at a time and in order, and sends each handler's answer. */
import { pidReply } from '../../src/ipc/control.js'
import { type Frame, FrameFlag } from '../../src/ipc/frame.js'
import type { Relay } from '../../src/ipc/relay.js'
import { answerHead, stopHead } from './answer-head.js'
import type { RelayLink } from './connect.js'
import { type JobContext, readContext } from './context.js'
import { errorText } from './error-text.js'
import { flushOutput } from './flush.js'
import { featuresOf, type Hooks, readControl, runHook } from './hooks.js'
import { isReply } from './reply.js'
import { listenForStack } from './stack.js'
import { isStream, StreamTurns, sendStream } from './stream.js'
import { isVerdict } from './verdict.js'

/**
 * Handles one job. What it returns is the result: bytes and texts as they are, a `reply(…)` with its context, an async generator or
 * a readable stream piece by piece (where the server takes streams), else JSON. `body` is a Buffer: `JSON.parse(body.toString())`.
 */
export type Handler = (body: Buffer, context: JobContext) => unknown

interface Job {
  readonly context: Buffer
  readonly body: Buffer
  readonly flags: number
}

/** Conversation of a worker with the server. */
export class Serving {
  readonly #relay: Relay
  readonly #handler: Handler
  readonly #hooks: Hooks
  readonly #features: readonly string[]
  readonly #turns = new StreamTurns()
  #jobs = Promise.resolve()
  #busyCount = 0
  /** True when no further job may run in this process. */
  #isLeaving = false

  constructor({ relay }: RelayLink, handler: Handler, hooks: Hooks = {}) {
    this.#relay = relay
    this.#handler = handler
    this.#hooks = hooks
    this.#features = ['job_id', ...listenForStack(() => this.#busyCount > 0), ...featuresOf(hooks)]
    relay.read({
      junk: (bytes) => log('warn', 'the server sent bytes that are not a frame', { bytes: bytes.length }),
      closed: () => process.exit(0),
      frame: (frame) => this.#take(frame),
    })
  }

  /** Answers the running job, then hands the next one to another worker, so that this worker is replaced. */
  leave(): void {
    this.#isLeaving = true
  }

  get isLeaving(): boolean {
    return this.#isLeaving
  }

  #take(frame: Frame): void {
    if (frame.stream !== 0) {
      this.#turns.take(frame.stream)
      return
    }
    if ((frame.flags & FrameFlag.control) !== 0) {
      this.#jobs = this.#onControl(frame)
      return
    }
    const contextBytes = frame.options[0] ?? 0
    const payload = Buffer.from(frame.payload)
    const job = {
      context: payload.subarray(0, contextBytes),
      body: payload.subarray(contextBytes),
      flags: frame.flags,
    }
    this.#busyCount += 1
    this.#jobs = this.#jobs
      .then(() => this.#run(job))
      .finally(() => {
        this.#busyCount -= 1
      })
  }

  /** Handles a control frame in its turn among the jobs; resolves when it is done. */
  #onControl(frame: Frame): Promise<void> {
    const message = readControl(frame.payload)
    if (message.asksStop) return this.#jobs.then(() => process.exit(0))
    if (!message.asksPid) {
      const answered = { ...frame, payload: Buffer.from(frame.payload) }
      const onFault = (error: unknown) => log('error', 'the hook onThaw failed', { error: errorText(error) })
      return this.#jobs.then(() => runHook(this.#relay, this.#hooks, message, answered)).catch(onFault)
    }
    this.#relay.send(pidReply({ pid: process.pid, features: this.#features }))
    return this.#jobs
  }

  async #run(job: Job): Promise<void> {
    const { flags } = job
    const toHead = answerHead(job.context, () => this.#isLeaving)
    if (this.#isLeaving) {
      this.#relay.send({ flags, options: 'head', head: toHead(stopHead) })
      return
    }
    try {
      const context = readContext(job.context)
      setTraceId(context)
      const result = await this.#handler(job.body, context)
      if (isVerdict(result)) {
        await flushOutput()
        this.#tell(result, flags, toHead)
        return
      }
      const reply = isReply(result) ? result : undefined
      const body: unknown = reply === undefined ? result : reply.body
      if (isStream(body)) {
        const head = (isFirst: boolean) => toHead(isFirst ? reply?.context : undefined)
        await sendStream(this.#relay, this.#turns, { flags, head, body, encode })
      } else {
        const encoded = encode(body)
        const flushed = flushOutput()
        if (flushed !== undefined) await flushed
        this.#relay.send({ flags, options: 'head', head: toHead(reply?.context), body: encoded })
      }
    } catch (error) {
      await flushOutput()
      this.#tell(error, flags, toHead)
    }
  }

  #tell(error: unknown, flags: number, toHead: ReturnType<typeof answerHead>): void {
    if (isVerdict(error)) {
      this.#relay.send({ flags, options: 'head', head: toHead(error.outcome) })
      return
    }
    const head = toHead(undefined)
    if (head === '') this.#relay.send({ flags: FrameFlag.error, options: [], head: errorText(error) })
    else this.#relay.send({ flags: FrameFlag.error, options: 'head', head, body: errorText(error) })
  }
}

/** Writes one line of JSON to standard error, where the server makes it a line of its own log. */
export function log(level: 'debug' | 'info' | 'warn' | 'error', message: string, fields: object = {}): void {
  process.stderr.write(`${JSON.stringify({ level, message, ...fields })}\n`)
}

/** Sets the trace id in the environment, where tracing libraries look for it; an event without one must not find an earlier event's. */
function setTraceId({ traceId, values }: JobContext): void {
  if (traceId !== null) process.env._X_AMZN_TRACE_ID = traceId
  else if ('traceId' in values) delete process.env._X_AMZN_TRACE_ID
}

function encode(result: unknown): Uint8Array | string {
  if (result instanceof Uint8Array || typeof result === 'string') return result
  return JSON.stringify(result) ?? ''
}
