/**
 * One worker: a process, its relay, at most one job, and the one field that says where it is. What a worker is for and
 * when it is replaced is the pool's business; this file moves it along `state.ts` and turns whatever its peer does into
 * exactly one outcome per job.
 */
import { assert } from '../../core/assert.js'
import type { Clock, Timer } from '../../core/clock.js'
import { ErrorCode, type RelayError } from '../../core/errors.js'
import type { Logger } from '../../core/log.js'
import { stopRequest } from '../../ipc/control.js'
import { type Frame, FrameFlag, StreamBit } from '../../ipc/frame.js'
import type { Relay } from '../../ipc/relay.js'
import type { JobScore } from '../pool/canary.js'
import { Codec, type Job, type Reply, type RunOptions } from '../pool/pool.js'
import { badFrame, crash, jobFailed, lateError } from './outcome.js'
import type { ProcessExit, WorkerProcess } from './process.js'
import { readControlReply, readReply } from './reply.js'
import { type KillReason, type RetireReason, transitions, type WorkerEvent, WorkerState } from './state.js'

/** How a job ended: an answer, a fault of the job, or not at all (the job is to go to another worker). */
export type Outcome =
  | { readonly kind: 'reply'; readonly reply: Reply }
  | { readonly kind: 'fault'; readonly error: RelayError }
  | { readonly kind: 'unserved'; readonly why: 'self_stop' | 'left' }

/** What a worker is made of. */
export interface WorkerOptions {
  readonly pool: string
  readonly process: WorkerProcess
  readonly clock: Clock
  readonly log: Logger
  /** Jobs after which it retires; 0 is no limit. */
  readonly jobsMax: number
  /** Jobs after which its successor may boot, so that it is there when `jobsMax` is reached; 0 is never. */
  readonly jobsDue: number
  /** The longest run of one job in ms; 0 is no limit. */
  readonly execTtlMs: number
  /** How long it may take to leave after the stop frame. */
  readonly stopTimeoutMs: number
  /** How long a stream that was asked to end may go on, in ms. */
  readonly streamTimeoutMs: number
  /** Its last lines of output, for whoever reports its end. */
  readonly lastLines: () => readonly string[]
  /** Resolves when its output has been read to the end. */
  readonly outputEnded: Promise<void>
  /** Stray bytes on the relay: logged as its output. */
  readonly onJunk: (bytes: Buffer) => void
  /** A job that came with stray bytes is over: a begun line of them is a whole one. */
  readonly onJunkEnd: () => void
  /** It has run `jobsDue` jobs; called once. */
  readonly onDue: (worker: Worker) => void
  /** It will take no further job; called once, when it begins to leave. */
  readonly onLeaving: (worker: Worker) => void
  /** It has gone; called once, the last of all. */
  readonly onExited: (worker: Worker) => void
  /** A job has begun that must end by `deadlineAt` (monotonic ms). */
  readonly onDeadline: (deadlineAt: number) => void
}

interface RunningJob {
  readonly job: Job
  readonly resolve: (outcome: Outcome) => void
  startedAt: number
  deadlineAt: number
  deadlineWhy: 'exec_ttl' | 'deadline'
  readonly askedAt: number
  junk: Buffer | undefined
  readonly stream: StreamReader | undefined
}

/** Hands the frames of a streamed answer on, one after the other. */
interface StreamReader {
  readonly onChunk: (chunk: Reply) => void | Promise<void>
  /** Settles when all that came so far has been taken. */
  taken: Promise<void>
  /** Somebody asked the worker to end early. */
  isStopped: boolean
  /** Forgets the caller's signal. */
  forget: () => void
}

// A worker that wrote something that is no frame and then is silent for this long has given its answer, a bad one.
// RoadRunner reads stray output for as long before it gives up.
const junkSilenceMs = 2000
// What a process wrote before it ended is still in the relay and the log pipe; both are given this long to be read.
const drainMsMax = 250
const junkExcerptBytes = 64
// Ends that an operator should hear of; the others were asked for, or told by whoever asked.
const isNews: ReadonlySet<string> = new Set<KillReason>([
  'exec_ttl',
  'deadline',
  'stop_timeout',
  'stream_timeout',
  'bad_frame',
])

// Ends that say nothing against a worker's code.
const peaceful: ReadonlySet<string> = new Set<RetireReason>(['max_jobs', 'self_stop'])

const controlJson = FrameFlag.control | FrameFlag.json

/** A control message that is to be answered runs as a job does, with its deadline and its end. */
export function question(message: object): Job {
  return { context: JSON.stringify(message), body: '', codec: Codec.control, id: 'a control message' }
}

function isQuestion(job: Job): boolean {
  return job.codec === Codec.control
}

/** One supervised child. */
export class Worker {
  readonly pid: number
  readonly createdAtMs: number
  readonly #options: WorkerOptions
  #state: WorkerState = WorkerState.spawning
  #why: RetireReason | KillReason | undefined
  #relay: Relay | undefined
  #features: readonly string[] = []
  #job: RunningJob | undefined
  #jobCount = 0
  #answered = 0
  #failed = 0
  #readyAt = 0
  #idleSince = 0
  readonly #countWaiters = new Map<() => void, number>()
  #timer: Timer | undefined
  #junkTimer: Timer | undefined
  #relayEnded!: () => void
  readonly #relayEnd = new Promise<void>((resolve) => {
    this.#relayEnded = resolve
  })

  constructor(options: WorkerOptions) {
    this.#options = options
    this.pid = options.process.pid
    this.createdAtMs = options.clock.nowMs()
    void options.process.exited.then((exit) => this.#onProcessExit(exit))
  }

  get state(): WorkerState {
    return this.#state
  }

  /** Why it is leaving or was killed: the first reason, whatever came later. */
  get why(): RetireReason | KillReason | undefined {
    return this.#why
  }

  /** Jobs sent to it so far. */
  get jobCount(): number {
    return this.#jobCount
  }

  /** Monotonic ms at which it answered the PID request. */
  get readyAt(): number {
    return this.#readyAt
  }

  /** Monotonic ms since when it has been free. */
  get idleSince(): number {
    return this.#idleSince
  }

  /** What became of its jobs. */
  get score(): JobScore {
    return {
      answered: this.#answered,
      failed: this.#failed,
      isGone: !this.#isTakingJobs(),
      hasLeftInPeace: this.#why !== undefined && peaceful.has(this.#why),
      isBusy: this.#job !== undefined,
    }
  }

  /** Resolves when `count` jobs have been answered, or it leaves. */
  answered(count: number): Promise<void> {
    if (this.#answered >= count || !this.#isTakingJobs()) return Promise.resolve()
    return new Promise((resolve) => void this.#countWaiters.set(resolve, count))
  }

  /** The job that runs, for the tags of its log lines. */
  get job(): Job | undefined {
    return this.#job?.job
  }

  /** Monotonic ms at which the running job is over; Infinity when none runs or it has no limit. */
  get deadlineAt(): number {
    return this.#job?.deadlineAt ?? Number.POSITIVE_INFINITY
  }

  /** It answered the PID request over `relay`: from now on it takes jobs, and control messages of what it announced. */
  adopt(relay: Relay, features: readonly string[] = []): void {
    this.#relay = relay
    this.#features = features
    this.#readyAt = this.#options.clock.monotonicMs()
    relay.read({
      frame: (frame) => this.#onFrame(frame),
      junk: (bytes) => this.#onJunk(bytes),
      closed: (fault) => this.#onRelayClosed(fault),
    })
    this.#step('ready')
  }

  /** Sends a job; resolves with its outcome, never rejects. `unserved` at once when it takes none. */
  run(job: Job, { deadlineMs, onChunk, stopStream }: RunOptions = {}): Promise<Outcome> {
    if (this.#state !== WorkerState.idle) return Promise.resolve({ kind: 'unserved', why: 'left' })
    const { clock, execTtlMs } = this.#options
    const startedAt = clock.monotonicMs()
    const ttlAt = execTtlMs > 0 ? startedAt + execTtlMs : Number.POSITIVE_INFINITY
    const askedAt =
      deadlineMs === undefined ? Number.POSITIVE_INFINITY : startedAt + deadlineMs - clock.nowMs()
    const deadlineAt = Math.min(ttlAt, askedAt)
    return new Promise((resolve) => {
      this.#job = {
        job,
        resolve,
        startedAt,
        deadlineAt,
        deadlineWhy: ttlAt < askedAt ? 'exec_ttl' : 'deadline',
        askedAt,
        junk: undefined,
        stream: onChunk && this.#streamReader(onChunk, stopStream),
      }
      this.#jobCount += 1
      this.#step('assign')
      const options = isQuestion(job) ? [] : 'head'
      this.#relay?.send({ flags: job.codec, options, head: job.context, body: job.body })
      if (deadlineAt !== Number.POSITIVE_INFINITY) this.#options.onDeadline(deadlineAt)
    })
  }

  /** Whether it announced that it understands `feature`. */
  has(feature: string): boolean {
    return this.#features.includes(feature)
  }

  /** Sends a control message between jobs; returns whether it could. */
  tell(message: object): boolean {
    if (this.#state !== WorkerState.idle) return false
    this.#relay?.send({ flags: controlJson, options: [], head: JSON.stringify(message) })
    return true
  }

  /** Kills it when its job's time is up; returns whether it did. */
  expire(nowMonotonicMs: number): boolean {
    const running = this.#job
    if (running === undefined || running.deadlineAt > nowMonotonicMs) return false
    const ranMs = nowMonotonicMs - running.startedAt
    const limitMs = running.deadlineAt - running.startedAt
    const error =
      running.junk === undefined
        ? lateError({ pid: this.pid, job: running.job, why: running.deadlineWhy, ranMs, limitMs })
        : badFrame({ pid: this.pid, job: running.job, what: 'bytes that are no frame', bytes: running.junk })
    this.kill(running.deadlineWhy, error)
    return true
  }

  /** Leaves once it is free: at once when idle, after its job when busy. */
  retire(why: RetireReason): void {
    this.#why ??= why
    this.#step('retire')
  }

  /** SIGKILL to its process group; a running job fails with `error`, or with its end when there is none. */
  kill(why: KillReason, error?: RelayError): void {
    this.#why ??= why
    if (error !== undefined) this.#settle({ kind: 'fault', error })
    this.#step('kill')
  }

  #onFrame(frame: Frame): void {
    const running = this.#job
    if (running === undefined) {
      if (this.#state === WorkerState.idle) this.#killForUnasked(frame)
      return
    }
    const answer = isQuestion(running.job)
      ? readControlReply(frame)
      : readReply(frame, running.stream !== undefined)
    if (answer.kind === 'chunk') {
      this.#onChunk(running, answer.reply, answer.wantsPong)
      return
    }
    if (answer.kind === 'bad') {
      const bytes = Buffer.from(frame.payload.subarray(0, junkExcerptBytes))
      this.kill('bad_frame', badFrame({ pid: this.pid, job: running.job, what: answer.what, bytes }))
      return
    }
    // What the worker logged before it answered lies in another descriptor that is ready in the same turn of the loop.
    // Its lines are read before this runs, so they are tagged with this job and not with the next.
    if (running.stream === undefined) setImmediate(() => this.#onAnswer(running, answer))
    else void running.stream.taken.then(() => setImmediate(() => this.#onAnswer(running, answer)))
  }

  /** Makes the reader of a job that may be answered by a stream. */
  #streamReader(
    onChunk: (chunk: Reply) => void | Promise<void>,
    signal: AbortSignal | undefined,
  ): StreamReader {
    const stream: StreamReader = {
      onChunk,
      taken: Promise.resolve(),
      isStopped: false,
      forget: () => signal?.removeEventListener('abort', stop),
    }
    const stop = () => this.#stopStream(stream)
    signal?.addEventListener('abort', stop, { once: true })
    return stream
  }

  #stopStream(stream: StreamReader): void {
    if (stream.isStopped || this.#job?.stream !== stream) return
    stream.isStopped = true
    this.#sendStreamBit(StreamBit.stop)
    this.#options.clock.timer(this.#options.streamTimeoutMs, () => {
      if (this.#job?.stream === stream) this.kill('stream_timeout')
    })
  }

  #onChunk(running: RunningJob, chunk: Reply, wantsPong: boolean): void {
    const { stream } = running
    if (stream === undefined) return
    this.#extend(running)
    this.#relay?.pause()
    const before = stream.taken
    const taken = before
      .then(() => stream.onChunk(chunk))
      // Whoever takes the chunks has gone: the worker is asked to end.
      .catch(() => this.#stopStream(stream))
      .then(() => {
        // Over pipes PHP waits for this before it goes on, so a slow reader slows its worker.
        if (wantsPong && this.#job === running)
          this.#sendStreamBit(stream.isStopped ? StreamBit.stop : StreamBit.pong)
        if (stream.taken === taken) this.#relay?.resume()
      })
    stream.taken = taken
  }

  /** `exec_ttl` counts for each frame of a stream, as in RoadRunner; the job's deadline stays. */
  #extend(running: RunningJob): void {
    const { clock, execTtlMs } = this.#options
    if (execTtlMs === 0) return
    running.startedAt = clock.monotonicMs()
    const ttlAt = running.startedAt + execTtlMs
    running.deadlineAt = Math.min(ttlAt, running.askedAt)
    running.deadlineWhy = ttlAt < running.askedAt ? 'exec_ttl' : 'deadline'
  }

  #sendStreamBit(stream: number): void {
    this.#relay?.send({ flags: 0, stream, options: [], head: '' })
  }

  #onAnswer(
    running: RunningJob,
    answer: Exclude<ReturnType<typeof readReply>, { kind: 'bad' | 'chunk' }>,
  ): void {
    // Killed in the meantime: a late answer must never reach the next job.
    if (this.#job !== running) return
    if (answer.kind === 'error') {
      this.#settle({
        kind: 'fault',
        error: jobFailed({ pid: this.pid, job: running.job, text: answer.text }),
      })
    } else if (answer.kind === 'self_stop') {
      this.#settle({ kind: 'unserved', why: 'self_stop' })
    } else {
      this.#settle({ kind: 'reply', reply: answer.reply })
    }
    this.#step('settle')
    if (answer.kind === 'self_stop') this.retire('self_stop')
    else this.#countJob()
  }

  #countJob(): void {
    const { jobsMax, jobsDue, onDue } = this.#options
    if (jobsMax > 0 && this.#jobCount >= jobsMax) this.retire('max_jobs')
    else if (jobsDue > 0 && this.#jobCount === jobsDue) onDue(this)
  }

  #killForUnasked(frame: Frame): void {
    const { log, pool } = this.#options
    log.warn(
      { pool, pid: this.pid, flags: frame.flags, bytes: frame.payload.length },
      'a worker answered without a job, it is replaced',
    )
    this.kill('bad_frame')
  }

  #onJunk(bytes: Buffer): void {
    this.#options.onJunk(bytes)
    const running = this.#job
    if (running === undefined) return
    running.junk ??= Buffer.from(bytes.subarray(0, junkExcerptBytes))
    this.#junkTimer?.clear()
    this.#junkTimer = this.#options.clock.timer(junkSilenceMs, () => {
      if (this.#job !== running || running.junk === undefined) return
      const what = `bytes that are no frame, then nothing for ${junkSilenceMs} ms`
      this.kill('bad_frame', badFrame({ pid: this.pid, job: running.job, what, bytes: running.junk }))
    })
  }

  #onRelayClosed(fault: RelayError | undefined): void {
    this.#relayEnded()
    if (fault !== undefined && fault.code !== ErrorCode.RelayClosed) {
      this.kill('bad_frame', fault)
      return
    }
    // A stopping worker closes its relay by leaving. Any other lost its voice: its end tells the rest of the story.
    if (this.#state !== WorkerState.stopping) this.kill('relay_lost')
  }

  async #onProcessExit(exit: ProcessExit): Promise<void> {
    const { process, outputEnded, log, pool, clock, lastLines } = this.#options
    // Children that it forked hold the relay and the log pipe open, and nobody else would end them.
    process.kill()
    await Promise.race([
      Promise.all([this.#relay === undefined ? undefined : this.#relayEnd, outputEnded]),
      new Promise<void>((resolve) => clock.timer(drainMsMax, resolve, { unref: true })),
    ])
    // An answer that came with the last bytes is settled in a `setImmediate` of its own, before this one.
    await new Promise<void>((resolve) => setImmediate(resolve))
    const error = crash({ pid: this.pid, job: this.#job?.job, exit, lastLines: lastLines() })
    const fields = {
      pool,
      pid: this.pid,
      why: this.why,
      code: exit.code,
      signal: exit.signal,
      jobs: this.#jobCount,
    }
    if (this.why === undefined || this.why === 'relay_lost') {
      log.warn({ ...fields, lastLines: lastLines() }, 'worker ended by itself')
    } else if (isNews.has(this.why)) log.warn(fields, 'worker was killed')
    else log.debug(fields, 'worker left')
    this.#relay?.close()
    this.#settle({ kind: 'fault', error })
    this.#step('exit')
  }

  #settle(outcome: Outcome): void {
    const running = this.#job
    if (running === undefined) return
    if (running.junk !== undefined) this.#options.onJunkEnd()
    running.stream?.forget()
    this.#job = undefined
    this.#junkTimer?.clear()
    if (outcome.kind !== 'unserved' && !isQuestion(running.job)) {
      this.#answered += 1
      if (outcome.kind === 'fault') this.#failed += 1
      this.#wakeCounters(false)
    }
    running.resolve(outcome)
  }

  #wakeCounters(isAll: boolean): void {
    for (const [wake, count] of this.#countWaiters) {
      if (!isAll && this.#answered < count) continue
      this.#countWaiters.delete(wake)
      wake()
    }
  }

  #step(event: WorkerEvent): void {
    const cell = transitions[this.#state][event]
    assert(cell !== 'never', `worker ${this.pid} got "${event}" while ${this.#state}`)
    if (cell === 'ignore') return
    const wasTakingJobs = this.#isTakingJobs()
    this.#timer?.clear()
    this.#state = cell
    if (cell === WorkerState.idle) this.#idleSince = this.#options.clock.monotonicMs()
    if (wasTakingJobs && !this.#isTakingJobs()) {
      this.#wakeCounters(true)
      this.#options.onLeaving(this)
    }
    if (cell === WorkerState.stopping) this.#askToStop()
    else if (cell === WorkerState.killing) this.#options.process.kill()
    else if (cell === WorkerState.exited) this.#options.onExited(this)
  }

  #isTakingJobs(): boolean {
    return (
      this.#state === WorkerState.spawning ||
      this.#state === WorkerState.idle ||
      this.#state === WorkerState.busy
    )
  }

  #askToStop(): void {
    const { clock, stopTimeoutMs } = this.#options
    if (this.#relay === undefined) {
      this.kill('forced')
      return
    }
    this.#relay.send(stopRequest)
    this.#timer = clock.timer(stopTimeoutMs, () => this.kill('stop_timeout'))
  }
}
