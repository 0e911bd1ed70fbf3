/** Takes jobs from the relay, one at a time and in order, or several at once, and sends each handler's answer. */
import { pidReply } from '../../src/ipc/control.js'
import { type Frame, FrameFlag } from '../../src/ipc/frame.js'
import type { Relay } from '../../src/ipc/relay.js'
import { answerHead, jobIdOf, stopHead } from './answer-head.js'
import type { RelayLink } from './connect.js'
import { type JobContext, readContext } from './context.js'
import { type CurrentJob, currentJob, findJobsBy } from './current-job.js'
import { errorText } from './error-text.js'
import { flushOutput } from './flush.js'
import { featuresOf, type Hooks, readControl, runHook } from './hooks.js'
import type { Leaks } from './leaks.js'
import { isReply } from './reply.js'
import type { SeveralJobs } from './several-jobs.js'
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

/** Options of the conversation. */
export interface ServingOptions {
  readonly hooks?: Hooks
  /** Absent in a worker that runs one job at a time. */
  readonly several?: { readonly jobs: SeveralJobs; readonly concurrency: number }
  /** Watches what jobs leave behind, where the server asks for it. */
  readonly leaks?: Leaks | undefined
}

/** Conversation of a worker with the server. */
export class Serving {
  readonly #relay: Relay
  readonly #handler: Handler
  readonly #hooks: Hooks
  readonly #features: readonly string[]
  readonly #turns = new StreamTurns()
  #jobs = Promise.resolve()
  readonly #several: SeveralJobs | undefined
  readonly #concurrency: number | undefined
  readonly #leaks: Leaks | undefined
  /** Context of the job that runs, when only one does. */
  #context: JobContext | undefined
  #busyCount = 0
  /** True when no further job may run in this process. */
  #isLeaving = false

  constructor({ relay }: RelayLink, handler: Handler, { hooks = {}, several, leaks }: ServingOptions = {}) {
    this.#relay = relay
    this.#handler = handler
    this.#hooks = hooks
    this.#several = several?.jobs
    this.#leaks = leaks
    // What a job changed cannot be told while others run.
    this.#concurrency = several && leaks ? 1 : several?.concurrency
    if (several === undefined)
      findJobsBy(() => (this.#context === undefined ? undefined : { context: this.#context }))
    const ofSeveral = several === undefined ? [] : ['concurrency', 'cancel', 'stream_id']
    const stack = listenForStack(() => this.#busyCount > 0)
    this.#features = ['job_id', ...ofSeveral, ...stack, ...featuresOf(hooks)]
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
      const context = Buffer.from(frame.payload).subarray(0, frame.options[0] ?? 0)
      if (this.#several === undefined) this.#turns.take(frame.stream)
      else this.#several.take(jobIdOf(context), frame.stream)
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
    const jobId = jobIdOf(job.context)
    const end = () => {
      this.#busyCount -= 1
      this.#context = undefined
    }
    if (this.#several !== undefined)
      this.#several.start(jobId, (cancel) => this.#run(job, jobId, cancel).finally(end))
    else this.#jobs = this.#jobs.then(() => this.#run(job, jobId)).finally(end)
  }

  /** Handles a control frame in its turn among the jobs; resolves when it is done. */
  #onControl(frame: Frame): Promise<void> {
    const message = readControl(frame.payload)
    if (message.cancels !== undefined) {
      this.#several?.cancel(message.cancels)
      return this.#jobs
    }
    if (message.asksStop) return this.#ended().then(() => process.exit(0))
    if (!message.asksPid) {
      const answered = { ...frame, payload: Buffer.from(frame.payload) }
      const onFault = (error: unknown) => log('error', 'the hook onThaw failed', { error: errorText(error) })
      return this.#ended()
        .then(() => runHook(this.#relay, this.#hooks, message, answered))
        .catch(onFault)
    }
    this.#relay.send(pidReply({ pid: process.pid, features: this.#features, concurrency: this.#concurrency }))
    return this.#jobs
  }

  #ended(): Promise<void> {
    return this.#several?.ended() ?? this.#jobs
  }

  async #run(job: Job, jobId: string | undefined, cancel?: AbortController): Promise<void> {
    const { flags } = job
    const toHead = answerHead(jobId, () => this.#isLeaving)
    if (this.#isLeaving) {
      this.#relay.send({ flags, options: 'head', head: toHead(stopHead) })
      return
    }
    try {
      const context = readContext(job.context, cancel)
      const call = () => this.#call(job.body, { context, jobId }, cancel)
      const result = await (this.#leaks === undefined
        ? call()
        : this.#watched(this.#leaks, call, job, context))
      if (isVerdict(result)) {
        await flushOutput()
        this.#tell(result, flags, toHead)
        return
      }
      const reply = isReply(result) ? result : undefined
      const body: unknown = reply === undefined ? result : reply.body
      if (isStream(body)) {
        const head = (isFirst: boolean) => toHead(isFirst ? reply?.context : undefined)
        const turns = this.#several?.turnsOf(jobId) ?? this.#turns
        await sendStream(this.#relay, turns, { flags, head, body, encode })
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

  async #watched(leaks: Leaks, call: () => unknown, job: Job, context: JobContext): Promise<unknown> {
    leaks.begin(context, job.body.length + job.context.length)
    try {
      return await call()
    } finally {
      leaks.end()
    }
  }

  #call(body: Buffer, job: CurrentJob, cancel: AbortController | undefined): unknown {
    const { context } = job
    if (this.#several !== undefined && cancel !== undefined)
      return this.#several.within(job, cancel, () => this.#handlerOf(context)(body, context))
    setTraceId(context)
    this.#context = context
    return this.#handlerOf(context)(body, context)
  }

  #handlerOf({ kind }: JobContext): Handler {
    return kind === 'given_up' ? (this.#hooks.onGivenUp ?? this.#handler) : this.#handler
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

/**
 * Writes one line of JSON to standard error, where the server makes it a line of its own log, with the job in which it is called.
 */
export function log(level: 'debug' | 'info' | 'warn' | 'error', message: string, fields: object = {}): void {
  const line = JSON.stringify({ level, message, ...fields })
  const jobId = currentJob()?.jobId
  process.stderr.write(jobId === undefined ? `${line}\n` : `${line.slice(0, -1)},"jobId":${jobId}}\n`)
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
