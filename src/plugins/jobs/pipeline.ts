/**
 * One pipeline: opens its queue, takes from it what can soon run, and lets a dispatcher run it. A queue that cannot be reached is told
 * once, asked again with growing waits, and seen in the pipeline's state.
 */
import { messageOf, RelayError } from '../../index.js'
import {
  type Delivery,
  Dispatcher,
  type KeptMessage,
  type NewJob,
  PoisonRecords,
  type Source,
  VisibilityExtender,
} from '../../work/index.js'
import { isQueueFault } from '../../work/queues/queue-fault.js'
import { fairnessOf } from './fairness.js'
import type { PipelineContext, PipelineOptions } from './pipeline-options.js'
import type { PipelineState } from './pipeline-state.js'
import { QueueLink } from './queue-link.js'
import { askNumbers } from './queue-numbers.js'
import type { Fairness, Taker } from './scheduler.js'
import { Attempts } from './settling/attempts.js'
import { acknowledgeEarly } from './settling/auto-ack.js'
import { FailedSet, keptOf, leftVerdict } from './settling/failed-set.js'
import { GivenUpJobs } from './settling/given-up.js'
import { tellLost } from './settling/lost-jobs.js'
import { Settlement } from './settling/settlement.js'
import { MinuteRate, newTally } from './settling/tally.js'

/** Deaths of workers after which a job runs on a worker of its own. */
const quarantineAfter = 3
/** Failed jobs that a queue is asked for. */
const keptShownMax = 1000

/** A pipeline. */
export class JobPipeline implements Taker {
  readonly name: string
  readonly driver: string
  readonly priority: number
  readonly perJob: number
  readonly #options: PipelineOptions
  readonly #context: PipelineContext
  readonly #poison = new PoisonRecords(quarantineAfter)
  readonly #attempts = new Attempts()
  readonly #failed = new FailedSet()
  readonly #tally = newTally()
  readonly #rate = new MinuteRate()
  readonly #end = new AbortController()
  readonly #link: QueueLink
  #source: Source | undefined
  #fairness: Fairness | undefined
  #settlement: Settlement | undefined
  #dispatcher: Dispatcher | undefined
  #extender: VisibilityExtender | undefined
  #consuming: AbortController | undefined
  #closed: Promise<void> | undefined

  constructor(options: PipelineOptions, context: PipelineContext) {
    this.name = options.name
    this.driver = options.driver.name
    this.priority = options.priority
    this.perJob = options.perJob ?? 1
    this.#options = options
    this.#context = { ...context, ...options.runsOn }
    this.#link = new QueueLink({ ...context, pipeline: this.name, driver: this.driver })
  }

  /** Undefined where jobs run as they come. */
  get fairness(): Fairness | undefined {
    return this.#fairness
  }

  /** True while it takes jobs from its queue, or would if it could reach it. */
  get isConsumed(): boolean {
    return this.#consuming !== undefined
  }

  /** False while its queue cannot be reached. */
  get isReached(): boolean {
    return this.#link.error === undefined
  }

  /** Opens the queue. Rejects with a fault of the configuration; a queue that cannot be reached is tried again behind the scenes. */
  async open(): Promise<void> {
    try {
      this.#use(await this.#openSource())
    } catch (error) {
      if (error instanceof RelayError && !isQueueFault(error)) throw error
      this.#link.failed(error)
      void this.#openLater()
    }
  }

  /** Begins to take jobs. */
  resume(): void {
    if (this.#consuming !== undefined || this.#end.signal.aborted) return
    this.#consuming = new AbortController()
    if (this.#source !== undefined) void this.#consume(this.#source, this.#consuming.signal)
  }

  /** Takes nothing more, and gives back at once what waits for a worker. */
  async pause(): Promise<void> {
    this.#consuming?.abort()
    this.#consuming = undefined
    await this.#giveBack(this.#context.scheduler.takeBack(this))
  }

  /** Pushes jobs into the queue. Rejects when it takes none, or cannot be reached. */
  async push(jobs: readonly NewJob[]): Promise<void> {
    const source = this.#source
    if (source === undefined)
      throw new Error(
        `the queue of pipeline "${this.name}" cannot be reached: ${this.#link.error ?? 'it is being opened'}`,
      )
    if (source.push === undefined) throw new Error(`the driver "${this.driver}" takes no jobs`)
    await source.push(jobs)
  }

  offer(deliveries: readonly Delivery[]): void {
    this.#dispatcher?.offer(deliveries)
  }

  /** The state, with the numbers of the queue. Never rejects. */
  async state(): Promise<PipelineState> {
    const { scheduler, clock } = this.#context
    const { counts, stored } = await askNumbers(this.#source, this.#link, this.isConsumed)
    const { error } = this.#link
    // What is kept here is hidden in the queue, and no worker has it.
    const hidden = this.#failed.size
    return {
      pipeline: this.name,
      driver: this.driver,
      queue: this.#queueName,
      priority: this.priority,
      state: error !== undefined ? 'unreachable' : this.isConsumed ? 'consuming' : 'paused',
      error,
      active: counts?.active,
      delayed: counts?.delayed,
      reserved: counts?.reserved === undefined ? undefined : Math.max(0, counts.reserved - hidden),
      oldestMs: this.#source?.oldestMs?.(),
      running: scheduler.heldOf(this),
      waiting: scheduler.waitingOf(this),
      kept: stored ?? hidden,
      perMinute: this.#rate.perMinute(clock.nowMs()),
      tally: { ...this.#tally },
    }
  }

  /** The jobs that failed for good and are kept: by the queue, else here. Rejects when the queue cannot be reached. */
  async failed(): Promise<readonly KeptMessage[]> {
    const store = this.#source?.failed
    return store === undefined ? this.#failed.list().map(keptOf) : store.list(keptShownMax)
  }

  /** Puts kept jobs back into the queue, those of these ids or all; their tries are counted anew. Resolves with their number. */
  async redrive(ids?: readonly string[]): Promise<number> {
    const store = this.#source?.failed
    if (store !== undefined) return store.redrive(ids)
    const jobs = this.#failed.take(ids)
    for (const { delivery } of jobs) {
      this.#poison.forget(delivery.id)
      this.#attempts.restart(delivery)
    }
    try {
      if (jobs.length > 0) await this.#source?.release(jobs.map(({ delivery }) => delivery))
    } catch (error) {
      for (const job of jobs) this.#failed.add(job)
      throw error
    }
    return jobs.length
  }

  /** Ends for good: takes nothing more, gives back what has not begun; what runs goes on. */
  async stopTaking(): Promise<void> {
    this.#end.abort()
    const given = this.pause()
    void this.#dispatcher?.drain()
    await given
  }

  /** Resolves when what runs has been settled. */
  async finished(): Promise<void> {
    await this.#dispatcher?.finished()
  }

  /** Closes the connection to the queue, once all is settled that ran until the end. */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    this.#end.abort()
    const source = this.#source
    if (source === undefined) return
    await this.finished()
    if (!source.guarantees.durable)
      await tellLost(source, { pipeline: this.name, driver: this.driver }, this.#context.log)
    await source.close()
  }

  get #queueName(): string {
    const queue = this.#source?.queue ?? this.#options.config.queue
    return typeof queue === 'string' && queue !== '' ? queue : this.name
  }

  #openSource(): Promise<Source> {
    const { name, driver, config, fairBy } = this.#options
    return driver.open({ name, config, fairBy })
  }

  async #openLater(): Promise<void> {
    const { signal } = this.#end
    while (!signal.aborted) {
      await this.#link.pause(signal)
      if (signal.aborted) return
      try {
        const source = await this.#openSource()
        if (signal.aborted) await source.close()
        else this.#use(source)
        return
      } catch (error) {
        this.#link.failed(error)
      }
    }
  }

  /** Begins to work with an open queue. */
  #use(source: Source): void {
    const { name } = this
    const {
      pool,
      protocolOf,
      traced,
      scheduler,
      retry: policy,
      dead,
      push,
      clock,
      random,
      log,
      lastWord,
    } = this.#context
    const onLost = (delivery: Delivery) => {
      this.#tally.lost += 1
      scheduler.done(this, [delivery])
    }
    this.#source = source
    this.#fairness = fairnessOf(this.#options, source)
    this.#link.reached()
    // `exec_ttl` ends a job that runs too long, and with it the extensions.
    const execTtlMs = Number.POSITIVE_INFINITY
    const extender =
      source.extend === undefined
        ? undefined
        : new VisibilityExtender({ extend: source.extend.bind(source), clock, log, execTtlMs, onLost })
    this.#extender = extender
    this.#settlement = new Settlement({
      pipeline: name,
      source,
      policy,
      dead,
      push,
      attempts: this.#attempts,
      failed: this.#failed,
      givenUp: new GivenUpJobs({ pipeline: name, lastWord, extender, clock }),
      poison: this.#poison,
      tally: this.#tally,
      log,
      nowMs: () => clock.nowMs(),
      random,
      onDone: (deliveries) => scheduler.done(this, deliveries),
      onEnd: (count) => this.#rate.add(count, clock.nowMs()),
    })
    const work = { protocol: protocolOf(name, this.perJob), source: this.#settlement }
    this.#dispatcher = new Dispatcher({
      pool,
      perJob: this.perJob,
      ...traced(work, { pipeline: name, driver: this.driver, queue: this.#queueName }),
      poison: this.#poison,
      log,
      ...(extender === undefined ? {} : { extender }),
    })
    if (this.#consuming !== undefined) void this.#consume(source, this.#consuming.signal)
  }

  async #consume(source: Source, signal: AbortSignal): Promise<void> {
    const { scheduler } = this.#context
    while (!signal.aborted) {
      await scheduler.whenWanted(this, signal)
      if (signal.aborted) return
      try {
        const taken = await source.pull(scheduler.wantOf(this), signal)
        this.#link.reached()
        if (taken.length > 0) await this.#take(source, taken, signal)
      } catch (error) {
        if (signal.aborted) return
        this.#link.failed(error)
        await this.#link.pause(signal)
      }
    }
  }

  async #take(source: Source, taken: readonly Delivery[], signal: AbortSignal): Promise<void> {
    const runnable = await acknowledgeEarly(source, await this.#withoutFailed(source, taken))
    if (signal.aborted) {
      await this.#giveBack(runnable)
      return
    }
    this.#extender?.track(runnable)
    this.#extender?.hold(runnable)
    this.#context.scheduler.add(this, runnable, (delivery) => this.#priorityOf(delivery))
  }

  /** Hides again what is kept as failed; what is left to the queue comes again soon, unrun, until the queue has moved it. */
  async #withoutFailed(source: Source, taken: readonly Delivery[]): Promise<readonly Delivery[]> {
    const kept = taken.filter(({ id }) => this.#failed.has(id))
    for (const delivery of kept) this.#failed.replace(delivery)
    if (kept.length > 0) await source.park?.(kept)
    const left = taken.filter(({ id }) => this.#failed.isLeft(id))
    if (left.length > 0) await source.settle(left.map((delivery) => ({ delivery, verdict: leftVerdict })))
    const isOut = new Set([...kept, ...left])
    return isOut.size === 0 ? taken : taken.filter((delivery) => !isOut.has(delivery))
  }

  /** A lane keeps its order only with one priority. */
  #priorityOf({ lane, priority }: Delivery): number {
    return lane === undefined ? priority : this.priority
  }

  async #giveBack(deliveries: readonly Delivery[]): Promise<void> {
    const kept = deliveries.filter((delivery) => this.#extender?.drop(delivery) !== true)
    if (kept.length === 0) return
    try {
      await this.#settlement?.release(kept)
    } catch (error) {
      const fields = { pipeline: this.name, count: kept.length, error: messageOf(error) }
      this.#context.log.warn(
        fields,
        'jobs could not be given back, they come when their time in the queue ends',
      )
    }
  }
}
