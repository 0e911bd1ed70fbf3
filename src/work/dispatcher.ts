/**
 * Deals deliveries to idle workers, and settles them with their source. Pulls nothing itself: its owner pulls no more than
 * `want`. Serves a batch that ends as well as a queue that does not. Jobs begin and end by callbacks: a delivery without a lane costs
 * no promise, no lane and no lease of its own, as long as nobody else waits for the worker.
 */
import { type Deferred, deferred, type Lease, type Logger, type Pool, type RunOptions } from '../index.js'
import { type HeldEnd, HeldWorker } from './held-worker.js'
import { JobMaker } from './job-maker.js'
import { Judge, sameForAll } from './judge.js'
import { isLane, Lanes } from './lanes.js'
import type { PoisonRecords } from './poison-records.js'
import type { Prefetch } from './prefetch.js'
import type { Protocol } from './protocol.js'
import { type SettledSource, Settler } from './settler.js'
import type { Delivery } from './source.js'
import type { Verdict } from './verdict.js'
import type { VisibilityExtender } from './visibility-extender.js'

/** Options of a dispatcher. */
export interface DispatcherOptions {
  readonly pool: Pool
  readonly protocol: Protocol
  readonly source: SettledSource
  readonly poison: PoisonRecords
  readonly log: Logger
  /** Deliveries that one job holds at most; 1 by default. */
  readonly perJob?: number
  /** Order of lanes; `group` by default. */
  readonly order?: 'group' | 'strict'
  /** Returns the limits of the next run; a verdict where nothing is run any more. Without limits by default. */
  readonly limits?: () => RunOptions | Verdict
  /** Returns the verdict on deliveries for which no worker became free; absent: they are released. */
  readonly noWorker?: (error: unknown) => Verdict
  /** Returns the signal that ends the wait for a worker; made only for a wait. */
  readonly signal?: () => AbortSignal
  /** Keeps deliveries from expiring; absent where they do not. */
  readonly extender?: VisibilityExtender
  /** Lets a second delivery wait in a busy worker's pipe; absent: never. */
  readonly prefetch?: Prefetch
}

/** A worker that was idle, whose first jobs are written together. */
interface Fresh {
  readonly held: HeldWorker
  readonly write: () => void
}

const noLimits = (): RunOptions => ({})

/** One dispatcher. */
export class Dispatcher {
  readonly #options: DispatcherOptions
  readonly #lanes: Lanes
  readonly #settler: Settler
  readonly #jobs: JobMaker
  readonly #judge: Judge
  /** Workers that are held. */
  #heldCount = 0
  #isWatching = false
  #isAcquiring = false
  #isDraining = false
  /** Made when a caller waits for the end. */
  #finished: Deferred<void> | undefined
  /** Workers that may be sent a second job at the end of this turn. */
  readonly #toTopUp: HeldWorker[] = []
  /** Deliveries that a worker gave back which had another one in its pipe: they run alone from then on. Made with the first. */
  #returned: WeakSet<Delivery> | undefined

  constructor(options: DispatcherOptions) {
    const { perJob = 1, order = 'group', poison, protocol, source, log, extender } = options
    this.#options = options
    this.#judge = new Judge(protocol, poison)
    this.#jobs = new JobMaker(protocol)
    this.#lanes = new Lanes({ perJob, order, isAlone: (delivery) => this.#judge.isSuspect(delivery) })
    const onAnswered = () => this.#checkFinished()
    this.#settler = new Settler({ source, log, extender, onAnswered })
  }

  /** Number of deliveries that idle workers could take now, beyond those that wait already. */
  get want(): number {
    return Math.max(0, this.#options.pool.idleCount - this.#lanes.waitingCount)
  }

  /** Runs these as soon as there are workers. */
  offer(deliveries: readonly Delivery[]): void {
    this.#options.extender?.track(deliveries)
    for (const delivery of deliveries) this.#lanes.add(delivery)
    this.#deal()
  }

  /** Resolves when everything that was offered is settled or released. Never rejects. */
  finished(): Promise<void> {
    if (this.#isIdle) return Promise.resolve()
    this.#finished ??= deferred()
    return this.#finished.promise
  }

  /** Tells the source at once of all that has its verdict, instead of at the end of this turn of the event loop. */
  settleNow(): void {
    this.#settler.flush()
  }

  /** Releases what has not begun, and lets running jobs end. Nothing may be offered afterwards. */
  async drain(): Promise<void> {
    this.#isDraining = true
    this.#settler.release(this.#lanes.clear())
    await this.finished()
  }

  get #isIdle(): boolean {
    return this.#heldCount === 0 && this.#lanes.waitingCount === 0 && this.#settler.isIdle
  }

  /** Gives work to idle workers; what is left waits for the next worker that falls idle. */
  #deal(): void {
    const { pool, prefetch } = this.#options
    const isOpen = prefetch?.isOpen === true
    const fresh: Fresh[] = []
    while (this.#lanes.next !== undefined) {
      const lease = pool.tryAcquire()
      if (lease === undefined) break
      const write = isOpen ? lease.joinWrites() : undefined
      const held = this.#hold(lease)
      if (write !== undefined) fresh.push({ held, write })
    }
    // Breadth first: all idle workers have one job before any has a second.
    for (const { held } of fresh) this.#topUp(held)
    for (const { write } of fresh) write()
    const next = this.#lanes.next
    if (next === undefined) this.#checkFinished()
    else if (this.#heldCount === 0) this.#acquire()
    else {
      this.#jobs.prepare(next, this.#lanes.jobSizeOf(next))
      this.#watch()
    }
  }

  /** Waits in line for one worker. While one is held, nothing waits for another. */
  #acquire(): void {
    if (this.#isAcquiring) return
    this.#isAcquiring = true
    const { pool, signal } = this.#options
    const options = signal === undefined ? { front: true } : { front: true, signal: signal() }
    pool.acquire(options).then(
      (lease) => {
        this.#isAcquiring = false
        this.#hold(lease)
        this.#deal()
      },
      (error: unknown) => {
        this.#isAcquiring = false
        // Workers that run meanwhile deal the rest.
        if (this.#heldCount === 0) this.#giveBack(error)
        this.#checkFinished()
      },
    )
  }

  /** Deals again when a worker falls idle that was not ours: one that has booted, or that others left. */
  #watch(): void {
    if (this.#isWatching) return
    this.#isWatching = true
    const { pool } = this.#options
    // Without a signal, whose listeners would cost more than the wait: an abort ends the jobs that run, and they deal.
    void pool.whenIdle().then(() => {
      this.#isWatching = false
      // In a pool that stops `whenIdle` resolves at once: the jobs that run deal the rest.
      if (this.#heldCount > 0 && !pool.isStopping) this.#deal()
    })
  }

  #hold(lease: Lease): HeldWorker {
    this.#heldCount += 1
    const held = new HeldWorker(lease, this.#onEnd)
    this.#advance(held)
    return held
  }

  /** Runs the next job of a worker, and those after it that end at once; lets go of the worker when there is none. */
  #advance(held: HeldWorker): void {
    for (let next = this.#nextFor(held); next !== undefined; next = this.#nextFor(held))
      if (!this.#start(next, held)) return
    held.lease.release()
    this.#heldCount -= 1
  }

  /** Takes the deliveries of the worker's next job: of its lane first, then, if nobody else waits for the worker, of whatever is next. */
  #nextFor(held: HeldWorker): readonly Delivery[] | undefined {
    const { extender } = this.#options
    for (;;) {
      const { lane } = held
      if (lane !== undefined) {
        if (this.#isDraining) this.#settler.release(this.#lanes.shift(lane))
        if (held.left > 0 && lane.waiting.length > 0) {
          extender?.hold(lane.waiting)
          const deliveries = this.#lanes.shift(lane, this.#lanes.jobSizeOf(lane))
          held.left -= deliveries.length
          return deliveries
        }
        held.lane = undefined
        this.#lanes.leave(lane)
      }
      if (held.hasRun && !held.lease.mayGoOn) return undefined
      const turn = this.#lanes.take()
      if (turn === undefined) return undefined
      if (!isLane(turn)) {
        const deliveries = [turn]
        extender?.hold(deliveries)
        return deliveries
      }
      // What comes meanwhile waits for the lane's next turn, so that no lane keeps a worker for ever.
      held.lane = turn
      held.left = turn.waiting.length
    }
  }

  /**
   * Starts a job: on the held worker, or, when its delivery has killed workers before, on one of its own. True when it has ended
   * already, and the worker may go on.
   */
  #start(deliveries: readonly Delivery[], held: HeldWorker): boolean {
    const { pool, limits = noLimits, prefetch } = this.#options
    const [first] = deliveries
    if (first === undefined) return true
    const settled = this.#judge.beforeRun(deliveries)
    if (settled !== undefined) return this.#settle(deliveries, settled, held)
    const options = limits()
    if ('kind' in options) return this.#settle(deliveries, sameForAll(deliveries, options), held)
    const job = this.#jobs.jobOf(held.lane ?? first, deliveries)
    if ('kind' in job) return this.#settle(deliveries, sameForAll(deliveries, job), held)
    if (prefetch !== undefined) held.beganAt = prefetch.nowMs()
    if (this.#judge.isQuarantined(deliveries)) {
      held.follow(deliveries, pool.runAlone(job, options))
      return false
    }
    const isSuspect = this.#judge.isSuspect(first)
    const end = held.start(deliveries, job, isSuspect ? { ...options, isAlone: true } : options)
    return end !== undefined && this.#endJob(held.takeEnded(), end, held)
  }

  /** Lets a second job wait in the pipe of a worker that runs one: never behind or before a lane, or what has been in a death. */
  #topUp(held: HeldWorker): void {
    const { prefetch, limits = noLimits, extender } = this.#options
    const turn = this.#lanes.next
    if (prefetch?.isOpen !== true || turn === undefined || isLane(turn)) return
    const [first] = held.running
    if (first === undefined || held.waiting.length > 0 || held.lane !== undefined || held.isQuarantined)
      return
    if (!this.#mayShare(first) || !this.#mayShare(turn) || !held.lease.hasRoom(prefetch.isNumbered)) return
    const options = limits()
    if ('kind' in options) return
    this.#lanes.take()
    const deliveries = [turn]
    extender?.hold(deliveries)
    const job = this.#jobs.jobOf(turn, deliveries)
    if ('kind' in job) this.#settler.add(deliveries, [job])
    else {
      const end = held.startNext(deliveries, job, options)
      if (end !== undefined) this.#endJob(deliveries, end, held)
    }
  }

  /** True for a delivery that may be in one worker together with another one. */
  #mayShare(delivery: Delivery): boolean {
    return !this.#judge.isSuspect(delivery) && this.#returned?.has(delivery) !== true
  }

  /** Takes the end of the first job of a worker. */
  readonly #onEnd = (held: HeldWorker, end: HeldEnd): void => {
    const { prefetch } = this.#options
    const { isQuarantined } = held
    const deliveries = held.takeEnded()
    if (prefetch !== undefined) {
      const nowMs = prefetch.nowMs()
      if (end.kind !== 'returned' && !isQuarantined) prefetch.add(nowMs - held.beganAt)
      held.beganAt = nowMs
    }
    const goesOn = this.#endJob(deliveries, end, held, isQuarantined)
    if (goesOn && held.running.length === 0) this.#advance(held)
    this.#deal()
    this.#topUpLater(held)
  }

  /** Sends a second job once all answers of this turn have been taken: a worker whose answer comes right behind goes first. */
  #topUpLater(held: HeldWorker): void {
    if (this.#options.prefetch?.isOpen !== true || this.#lanes.next === undefined) return
    if (this.#toTopUp.push(held) > 1) return
    setImmediate(() => {
      for (const one of this.#toTopUp.splice(0)) this.#topUp(one)
    })
  }

  /** Settles a job that has ended, or puts it back; false where its worker has to wait for what the source says. */
  #endJob(deliveries: readonly Delivery[], end: HeldEnd, held: HeldWorker, isQuarantined = false): boolean {
    if (end.kind !== 'returned')
      return this.#settle(deliveries, this.#judge.verdicts(deliveries, end, isQuarantined), held)
    this.#returned ??= new WeakSet()
    for (const delivery of deliveries) this.#returned.add(delivery)
    if (this.#isDraining) this.#settler.release(deliveries)
    else this.#lanes.putBack(deliveries)
    return true
  }

  /** Settles a job; false where its worker has to wait for what the source says, on which the rest of the lane depends. */
  #settle(deliveries: readonly Delivery[], verdicts: readonly Verdict[], held: HeldWorker): boolean {
    const { lane } = held
    if (lane?.isOrdered !== true || verdicts.every(({ kind }) => kind === 'done')) {
      this.#settler.add(deliveries, verdicts)
      return true
    }
    void this.#settler.inOrder(deliveries, verdicts).then((rest) => {
      if (rest !== undefined) this.#settler.release([...rest, ...this.#lanes.shift(lane)])
      this.#advance(held)
      this.#deal()
    })
    return false
  }

  /** Gives everything back that waits, because no worker can be had. */
  #giveBack(error: unknown): void {
    const { noWorker } = this.#options
    const left = this.#lanes.clear()
    if (noWorker === undefined) {
      this.#settler.release(left)
      return
    }
    this.#settler.add(left, sameForAll(left, noWorker(error)))
  }

  #checkFinished(): void {
    if (this.#heldCount > 0 || this.#lanes.waitingCount > 0) return
    this.#settler.flush()
    if (!this.#isIdle) return
    this.#finished?.resolve()
    this.#finished = undefined
  }
}
