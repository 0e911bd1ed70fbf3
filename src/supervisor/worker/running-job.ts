/** The job that a worker runs: whom to tell its outcome, its limits, and the stray bytes that came meanwhile. */
import type { Clock, Timer } from '../../core/clock.js'
import type { RelayError } from '../../core/errors.js'
import { Codec, type Job } from '../pool/pool.js'
import { badFrame, lateError, type Outcome } from './outcome.js'
import type { StreamReader } from './stream-reader.js'

/** A control message that is to be answered runs as a job does, with its deadline and its end. */
export function question(message: object): Job {
  return { context: JSON.stringify(message), body: '', codec: Codec.control, id: 'a control message' }
}

/** What a job runs with. */
export interface RunningJobOptions {
  readonly job: Job
  readonly pid: number
  readonly clock: Clock
  /** The longest run in ms; 0 is no limit. */
  readonly execTtlMs: number
  /** Wall-clock ms since the epoch; undefined: none. */
  readonly deadlineMs: number | undefined
  readonly stream: StreamReader | undefined
  readonly resolve: (outcome: Outcome) => void
}

// A worker that wrote something that is no frame and then is silent for this long has given its answer, a bad one.
// RoadRunner reads stray output for as long before it gives up.
const junkSilenceMs = 2000
const junkExcerptBytes = 64

/** One job under way. */
export class RunningJob {
  readonly job: Job
  readonly stream: StreamReader | undefined
  readonly resolve: (outcome: Outcome) => void
  readonly #options: RunningJobOptions
  readonly #askedAt: number
  #startedAt: number
  #ttlAt: number
  /** The first stray bytes that came while it ran. */
  #junk: Buffer | undefined
  #junkTimer: Timer | undefined

  constructor(options: RunningJobOptions) {
    const { job, stream, resolve, clock, deadlineMs } = options
    this.job = job
    this.stream = stream
    this.resolve = resolve
    this.#options = options
    this.#startedAt = clock.monotonicMs()
    this.#ttlAt = this.#ttlFrom(this.#startedAt)
    this.#askedAt =
      deadlineMs === undefined ? Number.POSITIVE_INFINITY : this.#startedAt + deadlineMs - clock.nowMs()
  }

  /** A question of the pool's own, and no work. */
  get isQuestion(): boolean {
    return this.job.codec === Codec.control
  }

  /** Monotonic ms at which it is over; Infinity without a limit. */
  get deadlineAt(): number {
    return Math.min(this.#ttlAt, this.#askedAt)
  }

  /** Which limit that is. */
  get deadlineWhy(): 'exec_ttl' | 'deadline' {
    return this.#ttlAt < this.#askedAt ? 'exec_ttl' : 'deadline'
  }

  /** `exec_ttl` counts for each frame of a stream, as in RoadRunner; the job's deadline stays. */
  extend(): void {
    if (this.#ttlAt === Number.POSITIVE_INFINITY) return
    this.#startedAt = this.#options.clock.monotonicMs()
    this.#ttlAt = this.#ttlFrom(this.#startedAt)
  }

  /** Stray bytes have come while it ran. */
  get hasJunk(): boolean {
    return this.#junk !== undefined
  }

  /** Stray bytes came; `onSilence` is called with the job's fault when nothing follows them. */
  addJunk(bytes: Buffer, onSilence: (fault: RelayError) => void): void {
    this.#junk ??= Buffer.from(bytes.subarray(0, junkExcerptBytes))
    this.#junkTimer?.clear()
    this.#junkTimer = this.#options.clock.timer(junkSilenceMs, () => {
      onSilence(this.#junkError(`bytes that are no frame, then nothing for ${junkSilenceMs} ms`))
    })
  }

  /** It has its outcome: nothing of it goes on. */
  end(): void {
    this.stream?.end()
    this.#junkTimer?.clear()
  }

  /** What its caller is told when its time is up. */
  lateError(nowMonotonicMs: number): RelayError {
    if (this.hasJunk) return this.#junkError('bytes that are no frame')
    const ranMs = nowMonotonicMs - this.#startedAt
    const limitMs = this.deadlineAt - this.#startedAt
    return lateError({ pid: this.#options.pid, job: this.job, why: this.deadlineWhy, ranMs, limitMs })
  }

  #junkError(what: string): RelayError {
    return badFrame({ pid: this.#options.pid, job: this.job, what, bytes: this.#junk ?? Buffer.alloc(0) })
  }

  #ttlFrom(startedAt: number): number {
    const { execTtlMs } = this.#options
    return execTtlMs > 0 ? startedAt + execTtlMs : Number.POSITIVE_INFINITY
  }
}
