/**
 * Deals deliveries to idle workers, and settles them with their source. Pulls nothing itself: its owner pulls no more than
 * `want`. Serves a batch that ends as well as a queue that does not.
 */
import {
  type Deferred,
  deferred,
  type Job,
  type Lease,
  type Logger,
  messageOf,
  type Pool,
  type RunOptions,
} from '../index.js'
import { makeFault, verdictOfError } from './fault.js'
import { type Lane, Lanes } from './lanes.js'
import type { PoisonRecords } from './poison-records.js'
import type { Protocol } from './protocol.js'
import type { Delivery, SettledDelivery, Source } from './source.js'
import { FaultKind, type Verdict } from './verdict.js'
import type { VisibilityExtender } from './visibility-extender.js'

/** Options of a dispatcher. */
export interface DispatcherOptions {
  readonly pool: Pool
  readonly protocol: Protocol
  readonly source: Pick<Source, 'settle' | 'release'>
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
}

const givenUp: Verdict = {
  kind: 'fail',
  why: makeFault(FaultKind.workerCrashed, 'the record killed its workers before, and is not run again'),
}

const noLimits = (): RunOptions => ({})

/** One dispatcher. */
export class Dispatcher {
  readonly #options: DispatcherOptions
  readonly #lanes: Lanes
  /** Lanes that are held by a worker. */
  #running = 0
  /** Answers of the source that are still to come. */
  #settling = 0
  #isWatching = false
  #isAcquiring = false
  #isDraining = false
  /** Made when a caller waits for the end. */
  #finished: Deferred<void> | undefined
  /** The job that was made while its lane waited for a worker. */
  #prepared: { readonly lane: Lane; readonly size: number; readonly job: Job } | undefined

  constructor(options: DispatcherOptions) {
    const { perJob = 1, order = 'group', poison } = options
    this.#options = options
    this.#lanes = new Lanes({ perJob, order, isAlone: ({ id }) => poison.isSuspect(id) })
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

  /** Releases what has not begun, and lets running jobs end. Nothing may be offered afterwards. */
  async drain(): Promise<void> {
    this.#isDraining = true
    this.#release(this.#lanes.clear())
    await this.finished()
  }

  get #isIdle(): boolean {
    return this.#running === 0 && this.#settling === 0 && this.#lanes.waitingCount === 0
  }

  /** Gives lanes to idle workers; what is left waits for the next worker that falls idle. */
  #deal(): void {
    const { pool } = this.#options
    for (let lane = this.#lanes.next; lane !== undefined; lane = this.#lanes.next) {
      const lease = pool.tryAcquire()
      if (lease === undefined) break
      this.#start(lease)
    }
    const next = this.#lanes.next
    if (next === undefined) this.#checkFinished()
    else if (this.#running === 0) this.#acquire()
    else {
      if (this.#prepared?.lane !== next) this.#prepare(next)
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
        this.#start(lease)
        this.#deal()
      },
      (error: unknown) => {
        this.#isAcquiring = false
        // Workers that run meanwhile deal the rest.
        if (this.#running === 0) this.#giveBack(error)
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
      if (this.#running > 0 && !pool.isStopping) this.#deal()
    })
  }

  /** Makes the next job while all workers are busy. */
  #prepare(lane: Lane): void {
    const size = this.#lanes.jobSizeOf(lane)
    this.#prepared = { lane, size, job: this.#options.protocol.toJob(lane.waiting.slice(0, size)) }
  }

  /** The prepared job of a lane; undefined when there is none, or the lane's job has grown meanwhile. */
  #takePrepared(lane: Lane, size: number): Job | undefined {
    const prepared = this.#prepared
    if (prepared?.lane !== lane) return undefined
    this.#prepared = undefined
    return prepared.size === size ? prepared.job : undefined
  }

  #start(lease: Lease): void {
    const lane = this.#lanes.take()
    if (lane === undefined) {
      lease.release()
      return
    }
    this.#running += 1
    void this.#runLane(lane, lease)
  }

  /** Runs what is in the lane now; what comes meanwhile waits for its next turn, so that no lane keeps a worker for ever. */
  async #runLane(lane: Lane, lease: Lease): Promise<void> {
    for (let left = lane.waiting.length; left > 0; ) {
      this.#options.extender?.hold(lane.waiting)
      const deliveries = this.#lanes.shift(lane, this.#lanes.jobSizeOf(lane))
      left -= deliveries.length
      const verdicts = await this.#runJob(deliveries, lane, lease)
      const settled = this.#settle(deliveries, verdicts, lane)
      // The rest of an ordered lane depends on what the source says.
      if (settled !== undefined && !(await settled)) break
      if (this.#isDraining) {
        this.#release(this.#lanes.shift(lane))
        break
      }
    }
    this.#lanes.leave(lane)
    lease.release()
    this.#running -= 1
    this.#deal()
  }

  /** Runs one job: on the lane's worker, or, when its delivery has killed workers before, on one of its own. Never rejects. */
  async #runJob(deliveries: readonly Delivery[], lane: Lane, lease: Lease): Promise<readonly Verdict[]> {
    const { pool, protocol, poison, limits = noLimits } = this.#options
    const id = deliveries.length === 1 ? deliveries[0]?.id : undefined
    if (id !== undefined && poison.isGivenUp(id)) return [givenUp]
    const isQuarantined = id !== undefined && poison.isQuarantined(id)
    const options = limits()
    if ('kind' in options) return deliveries.map(() => options)
    try {
      const job = this.#takePrepared(lane, deliveries.length) ?? protocol.toJob(deliveries)
      const reply = isQuarantined ? await pool.runAlone(job, options) : await lease.run(job, options)
      for (const delivery of deliveries) poison.forget(delivery.id)
      return protocol.verdicts(reply, deliveries)
    } catch (error) {
      const verdict = verdictOfError(error)
      const isDeath = verdict.kind === 'retry' && verdict.isDeath === true
      if (isDeath && isQuarantined) return [this.#giveUp(id, verdict.why.message)]
      if (isDeath) poison.addDeath(deliveries.map((delivery) => delivery.id))
      return deliveries.map(() => verdict)
    }
  }

  /** Gives up a delivery that killed even a worker of its own. */
  #giveUp(id: string, last: string): Verdict {
    const { poison } = this.#options
    const text = `the record has killed ${poison.count(id) + 1} workers, the last one of them alone: ${last}`
    poison.giveUp(id)
    return { kind: 'fail', why: makeFault(FaultKind.workerCrashed, text) }
  }

  /** Settles a job; a promise where the rest of its lane has to wait for the source: false means that it was released. */
  #settle(
    deliveries: readonly Delivery[],
    verdicts: readonly Verdict[],
    lane: Lane,
  ): Promise<boolean> | undefined {
    const items = this.#itemsOf(deliveries, verdicts)
    if (lane.isOrdered && verdicts.some(({ kind }) => kind !== 'done'))
      return this.#settleInOrder(items, lane)
    if (items.length > 0) void this.#tell(items)
    return undefined
  }

  /** Pairs deliveries with their verdicts, but for the lost ones, which their source has taken back. */
  #itemsOf(deliveries: readonly Delivery[], verdicts: readonly Verdict[]): readonly SettledDelivery[] {
    const { extender, log } = this.#options
    const items: SettledDelivery[] = []
    for (const [at, delivery] of deliveries.entries()) {
      const verdict = verdicts[at]
      if (verdict === undefined) throw new Error('bug in relayrunner: a delivery without a verdict')
      if (extender?.drop(delivery) !== true) items.push({ delivery, verdict })
      else log.warn({ job: delivery.id }, 'an answer came too late and is dropped: its delivery had expired')
    }
    return items
  }

  /** Settles one after the other up to the first that comes again; what follows it is released untouched. */
  async #settleInOrder(items: readonly SettledDelivery[], lane: Lane): Promise<boolean> {
    for (const [at, item] of items.entries()) {
      const told = this.#tell([item])
      if (item.verdict.kind === 'done') continue
      const [fault] = await told
      if (item.verdict.kind === 'fail' && fault === undefined) continue
      const rest = items.slice(at + 1).map(({ delivery }) => delivery)
      this.#release([...rest, ...this.#lanes.shift(lane)])
      return false
    }
    return true
  }

  /** Tells the source; a fault of all of them is a fault of each. */
  async #tell(items: readonly SettledDelivery[]): Promise<readonly (Error | undefined)[]> {
    const { source, log } = this.#options
    this.#settling += 1
    try {
      return await source.settle(items)
    } catch (error) {
      log.warn(
        { error: messageOf(error), count: items.length },
        'deliveries could not be settled and will be delivered again',
      )
      const fault = error instanceof Error ? error : new Error(messageOf(error))
      return items.map(() => fault)
    } finally {
      this.#settling -= 1
      this.#checkFinished()
    }
  }

  /** Releases everything that waits, because no worker can be had. */
  #giveBack(error: unknown): void {
    const { noWorker } = this.#options
    const left = this.#lanes.clear()
    if (noWorker === undefined) {
      this.#release(left)
      return
    }
    const verdict = noWorker(error)
    const items = this.#itemsOf(
      left,
      left.map(() => verdict),
    )
    if (items.length > 0) void this.#tell(items)
  }

  #release(deliveries: readonly Delivery[]): void {
    const { source, log, extender } = this.#options
    const kept = deliveries.filter((delivery) => extender?.drop(delivery) !== true)
    if (kept.length === 0) return
    this.#settling += 1
    const done = () => {
      this.#settling -= 1
      this.#checkFinished()
    }
    source.release(kept).then(done, (error: unknown) => {
      log.warn({ error: messageOf(error), count: kept.length }, 'deliveries could not be released')
      done()
    })
  }

  #checkFinished(): void {
    if (!this.#isIdle) return
    this.#finished?.resolve()
    this.#finished = undefined
  }
}
