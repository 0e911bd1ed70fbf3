/**
 * A worker that a dispatcher holds by one lease, over as many jobs as nobody else waits for it: one runs there, and one more may wait in
 * its pipe. Keeps what it runs and takes the ends, so that a job costs no closure.
 */
import type { Job, JobSink, Lease, Reply, RunOptions } from '../index.js'
import type { Lane } from './lanes.js'
import type { Delivery } from './source.js'

/** End of a job as its lease told it. `returned`: it has not begun, and is to be run again. */
export type HeldEnd =
  | { readonly kind: 'done'; readonly reply: Reply }
  | { readonly kind: 'failed'; readonly error: unknown }
  | { readonly kind: 'returned' }

const none: readonly Delivery[] = []
const returned: HeldEnd = { kind: 'returned' }

/** One held worker. */
export class HeldWorker implements JobSink {
  readonly lease: Lease
  /** Lane that it runs; undefined between two, and while it runs deliveries without one. */
  lane: Lane | undefined
  /** Deliveries of the lane that were there when its turn began and have not begun. */
  left = 0
  /** True once a job has begun. */
  hasRun = false
  /** Deliveries of the job that runs; empty when none does. */
  running = none
  /** Deliveries of the job that waits in the worker's pipe. */
  waiting = none
  /** True when the job runs on a worker of its own instead. */
  isQuarantined = false
  /** Monotonic ms at which the job that runs was sent, or came to be the first in the pipe. */
  beganAt = 0
  readonly #onEnd: (held: HeldWorker, end: HeldEnd) => void
  /** End of a job that came before its start had returned. */
  #early: HeldEnd | undefined
  #isStarting = false

  /** `onEnd` is called with the end of each job, in the order in which they began, but for those that have ended when `start` returns. */
  constructor(lease: Lease, onEnd: (held: HeldWorker, end: HeldEnd) => void) {
    this.lease = lease
    this.#onEnd = onEnd
  }

  /** Runs a job. Returns its end when it has ended already; the end of any other comes by `onEnd`. */
  start(deliveries: readonly Delivery[], job: Job, options: RunOptions): HeldEnd | undefined {
    this.hasRun = true
    this.running = deliveries
    this.isQuarantined = false
    this.#isStarting = true
    try {
      this.lease.start(job, options, this)
    } catch (error) {
      this.failed(error)
    }
    return this.#takeEarly()
  }

  /** Takes the end of a job that runs elsewhere. */
  follow(deliveries: readonly Delivery[], run: Promise<Reply>): void {
    this.hasRun = true
    this.running = deliveries
    this.isQuarantined = true
    run.then(
      (reply) => this.done(reply),
      (error: unknown) => this.failed(error),
    )
  }

  /** Sends a second job, to wait behind the first. Returns its end when it could not be sent. */
  startNext(deliveries: readonly Delivery[], job: Job, options: RunOptions): HeldEnd | undefined {
    this.#isStarting = true
    try {
      this.lease.startNext(job, options, this)
    } catch (error) {
      this.failed(error)
    }
    const end = this.#takeEarly()
    if (end === undefined) this.waiting = deliveries
    return end
  }

  /** Takes the deliveries of the job that has ended; the one that waited runs now. */
  takeEnded(): readonly Delivery[] {
    const ended = this.running
    this.running = this.waiting
    this.waiting = none
    return ended
  }

  done(reply: Reply): void {
    this.#take({ kind: 'done', reply })
  }

  failed(error: unknown): void {
    this.#take({ kind: 'failed', error })
  }

  returned(): void {
    this.#take(returned)
  }

  #take(end: HeldEnd): void {
    if (this.#isStarting) this.#early = end
    else this.#onEnd(this, end)
  }

  #takeEarly(): HeldEnd | undefined {
    this.#isStarting = false
    const end = this.#early
    this.#early = undefined
    return end
  }
}
