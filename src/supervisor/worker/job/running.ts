/** The job that a worker runs: the receiver of its outcome, its limits, and the stray bytes that came meanwhile. */
import type { Clock, Timer } from '../../../core/clock.js'
import type { RelayError } from '../../../core/errors.js'
import type { Frame } from '../../../ipc/frame.js'
import type { Relay } from '../../../ipc/relay.js'
import type { Logger } from '../../../logging/logger.js'
import { Codec, type Job, type Reply, type RunOptions } from '../../job.js'
import type { WorkerOutput } from '../output.js'
import type { WorkerId } from '../worker-id.js'
import { badFrame, lateError, neverBegun, type Outcome } from './outcome.js'
import { readControlReply, readReply, type WorkerAnswer } from './reply.js'
import { SlowJob, slowShare } from './slow.js'
import { StreamReader } from './stream.js'

/** Makes the job of a control message that is to be answered: it runs as a job does, with its deadline and its end. */
export function controlRequest(message: object): Job {
  return { context: JSON.stringify(message), body: '', codec: Codec.control, id: 'a control message' }
}

/** Parts of its worker that a job uses; one object for all jobs, so that a job costs no copy. */
export interface JobHost {
  readonly pool: string
  readonly id: WorkerId
  readonly output: Pick<WorkerOutput, 'lineCount' | 'since' | 'listen' | 'endLines'>
  readonly clock: Clock
  readonly log: Logger
  readonly relay: () => Relay | undefined
  /** The longest run of any job in ms; 0 means no limit. */
  readonly execTtlMs: number
  /** Longest time that a stream may go on after it was asked to end, in ms. */
  readonly streamTimeoutMs: number
  /** Called when the stream did not end within the timeout. */
  readonly onStreamTimeout: () => void
}

// A worker that wrote bytes that are not a frame and then is silent for this long has given its answer, a bad one.
// RoadRunner reads stray output for as long before it gives up.
const silenceMs = 2000
const excerptBytes = 64

/** Parts of a running job. */
export interface RunningJobParts {
  readonly job: Job
  /** The job's context, with its number. */
  readonly context: Job['context']
  readonly run: RunOptions
  /** Number that its answer must carry, `noJobId` for none; undefined when its worker did not announce `job_id`. */
  readonly jobId: number | undefined
  /** Called once with its outcome. */
  readonly onOutcome: (outcome: Outcome) => void
  /** Limit in ms that the worker sets for its jobs itself, for the warning before it; undefined: it named none. */
  readonly ownLimitMs?: number | undefined
  /** Names its stream to the worker, which runs other jobs beside it; undefined: it is the worker's only one. */
  readonly stream?: { readonly jobId: number; readonly onTimeout: () => void } | undefined
  /** True when another job runs, behind which it waits in the worker's pipe. */
  readonly isWaiting: boolean
}

/** One job under way. */
export class RunningJob {
  readonly job: Job
  readonly jobId: number | undefined
  readonly onOutcome: (outcome: Outcome) => void
  /** True when its worker had said that it leaves before this job could begin: it may end without having looked at it. */
  isBehindLeaving = false
  readonly #host: JobHost
  readonly #context: Job['context']
  readonly #run: RunOptions
  readonly #named: RunningJobParts['stream']
  #isAnswered = false
  #stream: StreamReader | undefined
  readonly #execTtlMs: number
  /** Wall-clock ms that the caller named. */
  readonly #deadlineMs: number | undefined
  readonly #ownLimitMs: number
  #isWaiting: boolean
  #startedAt: number
  /** Begin of a job whose stream has moved `#startedAt`. */
  #firstStartedAt: number | undefined
  #ttlAt: number
  #slow: SlowJob | undefined
  /** Lines of the worker before it was sent this job: its caller must not be told those of others. */
  #linesBefore: number
  /** The first stray bytes that came while it ran. */
  #stray: Buffer | undefined
  #strayTimer: Timer | undefined

  constructor(host: JobHost, parts: RunningJobParts) {
    const { job, context, run, jobId, onOutcome, isWaiting, ownLimitMs, stream } = parts
    const { clock } = host
    this.#ownLimitMs = (job.codec === Codec.control ? undefined : ownLimitMs) ?? Number.POSITIVE_INFINITY
    this.job = job
    this.jobId = jobId
    this.onOutcome = onOutcome
    this.#host = host
    this.#context = context
    this.#run = run
    this.#named = stream
    if (run.stopStream !== undefined) this.#openStream()
    this.#linesBefore = host.output.lineCount
    this.#execTtlMs = shorter(host.execTtlMs, run.execTtlMs)
    this.#startedAt = clock.monotonicMs()
    this.#isWaiting = isWaiting
    this.#ttlAt = isWaiting ? Number.POSITIVE_INFINITY : this.#ttlFrom(this.#startedAt)
    this.#deadlineMs = run.deadlineMs
  }

  /** Ends its wait because the job before it is answered: its `exec_ttl` counts from now on. Does nothing when it has begun. */
  begin(): void {
    if (!this.#isWaiting) return
    this.#isWaiting = false
    this.#linesBefore = this.#host.output.lineCount
    this.#startedAt = this.#host.clock.monotonicMs()
    this.#ttlAt = this.#ttlFrom(this.#startedAt)
  }

  /** Monotonic ms at which it began. */
  get beganAt(): number {
    return this.#firstStartedAt ?? this.#startedAt
  }

  /** True for a control request: no work, and not counted as a job. */
  get isControl(): boolean {
    return this.job.codec === Codec.control
  }

  /** True when the whole answer has been read and is about to be settled. */
  get isAnswered(): boolean {
    return this.#isAnswered
  }

  /** True when its caller takes the frames of a streamed answer. */
  get takesStream(): boolean {
    return this.#run.onChunk !== undefined
  }

  /** Reads a frame as the answer to this job. */
  read(frame: Frame): WorkerAnswer {
    if (this.isControl) return readControlReply(frame)
    return readReply(frame, { takesStream: this.takesStream, jobId: this.jobId })
  }

  /** Makes the error for a frame that is not an answer to it. */
  badAnswer(what: string, { payload }: Frame): RelayError {
    const bytes = Buffer.from(payload.subarray(0, excerptBytes))
    return badFrame({ id: this.#host.id, job: this.job, what, bytes })
  }

  /**
   * Calls `settle` when the whole answer may be settled. What the worker logged before it answered lies in another descriptor that is
   * ready in the same turn of the loop; its lines are read before, so they are tagged with this job and not with the next.
   */
  settleLater(settle: () => void): void {
    this.#isAnswered = true
    if (this.#stream === undefined) setImmediate(settle)
    else void this.#stream.taken.then(() => setImmediate(settle))
  }

  /** Reader of the streamed answer; undefined until its first frame, since most answers are whole, unless the caller may stop it. */
  get stream(): StreamReader | undefined {
    return this.#stream
  }

  /** Takes a frame of a streamed answer that is not the last. */
  addChunk(chunk: Reply, wantsPong: boolean): void {
    this.extend()
    this.#openStream()?.push(chunk, wantsPong)
  }

  /** Writes the job's frame; throws when the job cannot be encoded. */
  send(): void {
    const { codec: flags, body } = this.job
    const options = this.isControl ? [] : 'head'
    this.#host.relay()?.send({ flags, options, head: this.#context, body })
  }

  /** Monotonic ms of its limit; Infinity without one. */
  get deadlineAt(): number {
    return Math.min(this.#ttlAt, this.#askedAt())
  }

  /** Name of that limit. */
  get deadlineWhy(): 'exec_ttl' | 'deadline' {
    return this.#ttlAt < this.#askedAt() ? 'exec_ttl' : 'deadline'
  }

  /** Monotonic ms of the warning, then of the limit; Infinity without a limit. */
  get dueAt(): number {
    const { deadlineAt } = this
    if (this.#slow !== undefined || this.#isWaiting) return deadlineAt
    const firstAt = this.#firstLimitAt(deadlineAt)
    return firstAt === Number.POSITIVE_INFINITY
      ? firstAt
      : this.#startedAt + (firstAt - this.#startedAt) * slowShare
  }

  /** The limit that comes first: ours, or the worker's own, by which it ends the job itself. */
  #firstLimitAt(deadlineAt: number): number {
    return Math.min(deadlineAt, this.#startedAt + this.#ownLimitMs)
  }

  /** True when it was warned of and its worker did not print a stack. */
  get isMute(): boolean {
    return this.#slow !== undefined && this.#slow.top === undefined
  }

  /** Says that most of its time is used up; `isAsked`: the worker has been asked where it is. */
  warn(nowMonotonicMs: number, isAsked: boolean): void {
    const { pool, id: worker, log, clock, output } = this.#host
    const { id, tags } = this.job
    const ranMs = Math.round(nowMonotonicMs - this.#startedAt)
    const limitMs = Math.round(this.#firstLimitAt(this.deadlineAt) - this.#startedAt)
    const fields = { pool, ...worker, job: id, ...tags, ranMs, limitMs }
    const slow = new SlowJob({ log, clock, fields, isAsked })
    this.#slow = slow
    output.listen((line) => slow.addLine(line))
  }

  /** The last lines that the worker wrote since it was sent this job. */
  get lines(): readonly string[] {
    return this.#host.output.since(this.#linesBefore)
  }

  /** `exec_ttl` counts for each frame of a stream, as in RoadRunner; the job's deadline stays. */
  extend(): void {
    if (this.#ttlAt === Number.POSITIVE_INFINITY) return
    this.#firstStartedAt ??= this.#startedAt
    this.#startedAt = this.#host.clock.monotonicMs()
    if (this.#ttlAt < this.#askedAt()) this.#forgetSlow()
    this.#ttlAt = this.#ttlFrom(this.#startedAt)
  }

  /** True when stray bytes have come while it ran. */
  get hasStray(): boolean {
    return this.#stray !== undefined
  }

  /** Keeps stray bytes that came; `onSilence` is called with the job's fault when nothing follows them. */
  addStray(bytes: Buffer, onSilence: (fault: RelayError) => void): void {
    this.#stray ??= Buffer.from(bytes.subarray(0, excerptBytes))
    this.#strayTimer?.clear()
    this.#strayTimer = this.#host.clock.timer(silenceMs, () => {
      onSilence(this.#strayError(`bytes that are not a frame, then nothing for ${silenceMs} ms`))
    })
  }

  /** Ends its timers and its stream: it has its outcome. */
  end(): void {
    this.#stream?.end()
    this.#strayTimer?.clear()
    this.#forgetSlow()
  }

  /** Makes the error for its caller when its time is up. */
  lateError(nowMonotonicMs: number): RelayError {
    if (this.hasStray) return this.#strayError('bytes that are not a frame')
    if (this.#isWaiting) return neverBegun({ id: this.#host.id, job: this.job })
    const ranMs = nowMonotonicMs - this.#startedAt
    const limitMs = this.deadlineAt - this.#startedAt
    const { id } = this.#host
    const [why, seenAt] = [this.deadlineWhy, this.#slow?.top]
    return lateError({ id, job: this.job, why, ranMs, limitMs, seenAt, lastLines: this.lines })
  }

  #openStream(): StreamReader | undefined {
    this.#stream ??= streamReader(this.#host, this.#run, this.#named)
    return this.#stream
  }

  /** Ends the warning: the job is over, or went on and has its whole time again. */
  #forgetSlow(): void {
    if (this.#slow === undefined) return
    this.#host.output.listen(undefined)
    this.#slow.tell()
    this.#slow = undefined
  }

  #strayError(what: string): RelayError {
    return badFrame({ id: this.#host.id, job: this.job, what, bytes: this.#stray ?? Buffer.alloc(0) })
  }

  /** Reads the deadline by the wall clock each time, because our own count of time leaves out freezes. */
  #askedAt(): number {
    const { clock } = this.#host
    return this.#deadlineMs === undefined
      ? Number.POSITIVE_INFINITY
      : clock.monotonicMs() + this.#deadlineMs - clock.nowMs()
  }

  #ttlFrom(startedAt: number): number {
    return this.#execTtlMs > 0 ? startedAt + this.#execTtlMs : Number.POSITIVE_INFINITY
  }
}

/** The shorter of two limits, 0 and undefined being none. */
function shorter(oneMs: number, otherMs = 0): number {
  return oneMs === 0 || otherMs === 0 ? oneMs + otherMs : Math.min(oneMs, otherMs)
}

function streamReader(
  host: JobHost,
  run: RunOptions,
  named: RunningJobParts['stream'],
): StreamReader | undefined {
  if (run.onChunk === undefined) return undefined
  return new StreamReader({
    onChunk: run.onChunk,
    signal: run.stopStream,
    relay: host.relay(),
    jobId: named?.jobId,
    clock: host.clock,
    timeoutMs: host.streamTimeoutMs,
    onTimeout: named?.onTimeout ?? host.onStreamTimeout,
  })
}
