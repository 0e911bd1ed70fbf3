/** A queue in a tube: jobs are reserved, touched while a worker lives on them, and deleted, released or buried. */
import type { Clock, ConfigOf } from '../../index.js'
import { LostMessage } from '../../work/queues/lost-message.js'
import { receiptOf } from '../../work/queues/message.js'
import { ProgressKeeper } from '../../work/queues/progress-keeper.js'
import type {
  Delivery,
  FailedStore,
  NewJob,
  SettledDelivery,
  Source,
  SourceCounts,
} from '../../work/source.js'
import { BuriedJobs } from './buried.js'
import type { BeanstalkPlace } from './connection.js'
import { beanstalkGuarantees } from './guarantees.js'
import { jobBytes, tubeDelivery } from './message.js'
import type { beanstalkPart } from './part.js'
import { type HeldJob, secondsOf, Tube } from './tube.js'

/** Options of a source. */
export interface BeanstalkSourceOptions {
  readonly place: BeanstalkPlace
  readonly pipeline: string
  readonly keys: ConfigOf<typeof beanstalkPart.properties>
}

type Faults = readonly (Error | undefined)[]

const waitMsDefault = 20_000
/** Beanstalkd counts from before the job is here. */
const travelMs = 100
/** Redriven jobs whose earlier deliveries are remembered. */
const redrivenMax = 100_000
const lost = 'beanstalkd has taken the job back'

/** A source. */
export class BeanstalkSource implements Source {
  readonly guarantees = beanstalkGuarantees
  readonly failed: FailedStore
  readonly queue: string
  readonly #options: BeanstalkSourceOptions
  readonly #clock: Clock
  readonly #tube: Tube
  readonly #progress: ProgressKeeper
  /** By receipts. */
  readonly #held = new Map<string, HeldJob>()
  /** Deliveries of redriven jobs that do not count. */
  readonly #before = new Map<string, number>()
  #receiptCount = 0

  /** Opens one; rejects with RR_QUEUE_UNREACHABLE. */
  static async open(options: BeanstalkSourceOptions): Promise<BeanstalkSource> {
    const source = new BeanstalkSource(options)
    await source.#tube.stats()
    return source
  }

  private constructor(options: BeanstalkSourceOptions) {
    const { place, keys } = options
    const { clock } = place
    this.#options = options
    this.queue = keys.tube
    this.#clock = clock
    this.#tube = new Tube(place, keys.tube)
    this.#progress = new ProgressKeeper({
      clock,
      tell: (one) => void this.#touch(one).catch(() => undefined),
    })
    this.failed = new BuriedJobs({
      tube: this.#tube,
      clock,
      bury: ({ delivery }) => this.#end(delivery, ({ id, tubePriority }) => `bury ${id} ${tubePriority}`),
      onRedriven: (id, reserves) => {
        this.#before.set(id, reserves)
        const [oldest] = this.#before.keys()
        if (this.#before.size > redrivenMax && oldest !== undefined) this.#before.delete(oldest)
      },
    })
  }

  async pull(want: number, signal: AbortSignal, waitMs = waitMsDefault): Promise<readonly Delivery[]> {
    const { prefetch, reserve_timeout: reserveMs } = this.#options.keys
    const waitSeconds = secondsOf(Math.min(waitMs, reserveMs))
    const jobs = await this.#tube.reserve(Math.min(want, prefetch), waitSeconds, signal)
    return jobs.map((job) => this.#deliveryOf(job))
  }

  async settle(items: readonly SettledDelivery[]): Promise<Faults> {
    return this.#each(items, ({ delivery, verdict }) => {
      if (verdict.kind !== 'retry') return this.#end(delivery, ({ id }) => `delete ${id}`)
      const delay = secondsOf(verdict.afterMs ?? 0)
      return this.#end(delivery, ({ id, tubePriority }) => `release ${id} ${tubePriority} ${delay}`)
    })
  }

  async extend(deliveries: readonly Delivery[], byMs: number): Promise<Faults> {
    return this.#each(deliveries, async (delivery) => {
      if (this.#progress.isLost(delivery)) throw new LostMessage(lost)
      await this.#touch(delivery)
      this.#progress.extended(delivery, byMs)
    })
  }

  async release(deliveries: readonly Delivery[]): Promise<void> {
    // A lost one is back already.
    await this.#each(deliveries, (delivery) =>
      this.#end(delivery, ({ id, tubePriority }) => `release ${id} ${tubePriority} 0`),
    )
  }

  /** All are on their way at once, in their order. */
  async push(jobs: readonly NewJob[]): Promise<void> {
    const { tube_priority: priority, ttr: ttrMs } = this.#options.keys
    await Promise.all(
      jobs.map((job) => this.#tube.put(jobBytes(job), { priority, delayMs: job.delayMs, ttrMs })),
    )
  }

  async counts(): Promise<SourceCounts> {
    const stats = await this.#tube.stats()
    const count = (name: string) => Number(stats[`current-jobs-${name}`] ?? 0)
    return { active: count('ready'), delayed: count('delayed'), reserved: count('reserved') }
  }

  async close(): Promise<void> {
    this.#progress.close()
    await this.#tube.close()
  }

  #deliveryOf(job: HeldJob): Delivery {
    const { pipeline, keys } = this.#options
    const receipt = `${job.id}-${++this.#receiptCount}`
    const expiresAtMs = job.reservedAtMs + job.ttrMs - travelMs
    const delivery = tubeDelivery(job, {
      pipeline,
      tube: keys.tube,
      priority: keys.priority,
      receipt,
      attempt: Math.max(1, job.reserves - (this.#before.get(job.id) ?? 0)),
      expiresAtMs,
      nowMs: this.#clock.nowMs(),
    })
    this.#held.set(receipt, job)
    this.#progress.began(delivery, expiresAtMs, job.ttrMs)
    return delivery
  }

  async #touch(delivery: Delivery): Promise<void> {
    const job = this.#heldOf(delivery)
    await this.#tube.tell(job, `touch ${job.id}`, false)
  }

  async #end(delivery: Delivery, commandOf: (job: HeldJob) => string): Promise<void> {
    const job = this.#heldOf(delivery)
    this.#held.delete(receiptOf(delivery))
    this.#progress.forget(delivery)
    await this.#tube.tell(job, commandOf(job), true)
  }

  #heldOf(delivery: Delivery): HeldJob {
    const job = this.#held.get(receiptOf(delivery))
    if (job === undefined) throw new LostMessage(lost)
    return job
  }

  /** Runs a call for each; a connection that breaks meanwhile has lost its jobs, so each fault is its job's own. */
  #each<T>(items: readonly T[], call: (item: T) => Promise<void>): Promise<Faults> {
    return Promise.all(
      items.map(async (item) => {
        try {
          await call(item)
          return undefined
        } catch (error) {
          if (error instanceof Error) return error
          throw error
        }
      }),
    )
  }
}
