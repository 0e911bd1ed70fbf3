/**
 * Settles the deliveries of one pipeline: what a dispatcher was told by workers becomes what the queue is told. The common case, all done,
 * is handed on as it is.
 */
import { type Logger, messageOf } from '../../../index.js'
import {
  type Delivery,
  type FailedStore,
  type Headers,
  type NewJob,
  type PoisonRecords,
  type SettledDelivery,
  type SettledSource,
  type Source,
  typedText,
} from '../../../work/index.js'
import { jobFact } from '../../../work/protocols/record-headers.js'
import type { Attempts } from './attempts.js'
import type { FailedSet } from './failed-set.js'
import { type Fate, fateOf, isForGood, type NotDone, type RetryPolicy, waitMs } from './fate.js'
import type { GivenUpJobs } from './given-up.js'
import { reportAcknowledged, reportJob, reportSettled } from './report.js'
import type { Tally } from './tally.js'

/** Options of a settlement. */
export interface SettlementOptions {
  readonly pipeline: string
  readonly source: Source
  readonly policy: RetryPolicy
  /** Pipeline that takes what failed for good; empty: none. */
  readonly dead: string
  /** Pushes a job into the pipeline of that name. */
  readonly push: (pipeline: string, job: NewJob) => Promise<void>
  readonly attempts: Attempts
  readonly failed: FailedSet
  readonly givenUp: Pick<GivenUpJobs, 'isSettled'>
  readonly poison: PoisonRecords
  readonly tally: Tally
  readonly log: Logger
  readonly nowMs: () => number
  readonly random: () => number
  /** Is told of all deliveries that are settled or released. */
  readonly onDone: (deliveries: readonly Delivery[]) => void
  /** Is told how many jobs a worker has ended, well or badly. */
  readonly onEnd: (count: number) => void
}

type Faults = readonly (Error | undefined)[]

// A full set of failed jobs leaves the rest in the queue for a while.
const fullSetMs = 300_000

/** The settlement of one pipeline. */
export class Settlement implements SettledSource {
  readonly #options: SettlementOptions

  constructor(options: SettlementOptions) {
    this.#options = options
  }

  /** Tells the queue. A delivery of `auto_ack` was acknowledged before it ran: its queue is told nothing. */
  settle(items: readonly SettledDelivery[]): Faults | Promise<Faults> {
    const { onDone, onEnd, source } = this.#options
    onDone(items.map(({ delivery }) => delivery))
    onEnd(items.length)
    if (!items.every(isPlain)) return this.#settleEach(items)
    if (source.acknowledge === undefined)
      return this.#acknowledge(items).then((faults) => this.#told(items, faults))
    this.#countDone(items)
    source.acknowledge(items)
    return items.map(() => undefined)
  }

  async #settleEach(items: readonly SettledDelivery[]): Promise<Faults> {
    const plain = items.filter(isPlain)
    const faults = new Map<SettledDelivery, Error | undefined>()
    const keep = async (list: readonly SettledDelivery[], told: Promise<Faults>) => {
      const found = await told.catch((error: unknown) => this.#unsettled(list, error))
      for (const [at, item] of list.entries()) faults.set(item, found[at])
    }
    const tellings = plain.length === 0 ? [] : [keep(plain, this.#acknowledge(plain))]
    for (const item of items) if (!isPlain(item)) tellings.push(keep([item], this.#settleOne(item)))
    await Promise.all(tellings)
    return this.#told(
      items,
      items.map((item) => faults.get(item)),
    )
  }

  /**
   * Gives back what did not run. It does not count as a try; what was acknowledged before is pushed again, and told when that fails.
   * Rejects when the queue cannot be told of the rest.
   */
  async release(deliveries: readonly Delivery[]): Promise<void> {
    const { source, attempts, onDone } = this.#options
    onDone(deliveries)
    const kept = deliveries.filter(({ autoAck }) => autoAck !== true)
    if (source.guarantees.attempts !== 'tries') for (const delivery of kept) attempts.forgive(delivery)
    try {
      if (kept.length > 0) await source.release(kept)
    } finally {
      // One after the other, so that a lane keeps its order.
      for (const delivery of deliveries) if (delivery.autoAck === true) await this.#pushBack(delivery)
    }
  }

  /** Pushes a job again that its queue no longer has. Never rejects: the others go on. */
  async #pushBack(delivery: Delivery): Promise<void> {
    const { push, pipeline, tally, log } = this.#options
    try {
      await push(pipeline, copyOf(delivery, { autoAck: true }))
    } catch (error) {
      tally.dropped += 1
      const fields = { pipeline, job: delivery.id, error: messageOf(error) }
      log.error(
        fields,
        'a job that was acknowledged before it ran (auto_ack) could not be put back: it is gone',
      )
    }
  }

  /** Settles one that needs more than an acknowledgement: alone, so that its failure or its wait is nobody else's. */
  async #settleOne(item: SettledDelivery): Promise<Faults> {
    const what = await this.#resolve(item)
    return what === undefined ? [] : this.#options.source.settle([what])
  }

  /** Tells of jobs that ran and that the queue did not let go: in one line, as they are lost together. */
  #told(items: readonly SettledDelivery[], faults: Faults): Faults {
    const { log, pipeline } = this.#options
    const [first, ...more] = faults.flatMap((fault, at) => (fault === undefined ? [] : [{ fault, at }]))
    if (first === undefined) return faults
    const job = items[first.at]?.delivery.id
    const fields = { pipeline, job, count: more.length + 1, error: messageOf(first.fault) }
    log.warn(fields, 'jobs could not be settled and will be delivered again')
    return faults
  }

  /** A fault of a whole call is a fault of each of its items. */
  #unsettled(items: readonly SettledDelivery[], error: unknown): Faults {
    const fault = error instanceof Error ? error : new Error(messageOf(error))
    return items.map(() => fault)
  }

  async #acknowledge(items: readonly SettledDelivery[]): Promise<Faults> {
    this.#countDone(items)
    return this.#options.source.settle(items)
  }

  #countDone(items: readonly SettledDelivery[]): void {
    const { attempts, tally } = this.#options
    tally.done += items.length
    for (const { delivery } of items) attempts.forget(delivery)
  }

  /** Returns the verdict for the queue on one delivery; undefined: the queue is told nothing. */
  async #resolve(item: SettledDelivery): Promise<SettledDelivery | undefined> {
    const { delivery, verdict } = item
    const { attempts, tally, log, pipeline } = this.#options
    const attempt = attempts.of(delivery)
    const about = { pipeline, job: delivery.id, attempt }
    if (verdict.kind === 'done') {
      tally.done += 1
      attempts.forget(delivery)
      if (verdict.warning !== undefined) log.warn(about, verdict.warning)
      return delivery.autoAck === true ? undefined : item
    }
    if (delivery.autoAck === true) {
      tally.dropped += 1
      reportAcknowledged(log, { ...about, why: verdict.why })
      return undefined
    }
    const fate = await this.#fateOf(delivery, verdict, attempt)
    if (isForGood(fate) && (await this.#options.givenUp.isSettled(delivery, verdict)))
      return this.#settledByWorker(delivery, verdict, attempt)
    // What is to be kept is told once it is: its queue may not take it.
    if (fate.kind !== 'park') this.#report(fate, delivery, verdict, attempt)
    return this.#carryOut(fate, delivery, verdict, attempt)
  }

  #settledByWorker(delivery: Delivery, { why }: NotDone, attempt: number): SettledDelivery {
    const { attempts, poison, tally, log, pipeline } = this.#options
    tally.failed += 1
    attempts.forget(delivery)
    poison.forget(delivery.id)
    reportSettled(log, { pipeline, job: delivery.id, attempt, why })
    return done(delivery)
  }

  #report(fate: Fate, { id: job }: Delivery, { why }: NotDone, attempt: number): void {
    const { log, pipeline, dead } = this.#options
    reportJob(log, { pipeline, job, attempt, why, fate, dead })
  }

  async #fateOf(delivery: Delivery, verdict: NotDone, attempt: number): Promise<Fate> {
    const { source, policy, dead, pipeline, failed, random } = this.#options
    const facts = {
      attempt,
      policy,
      hasDead: dead !== '' && dead !== pipeline,
      keepsFailed: (await source.keepsFailed?.()) ?? false,
      nacked: source.guarantees.nacked,
      retryMs: source.guarantees.retryMs,
      random,
    }
    const fate = fateOf(delivery, verdict, facts)
    const isNoRoom = fate.kind === 'park' && source.failed === undefined && failed.isFull
    return isNoRoom ? { kind: 'again', afterMs: fullSetMs, isFree: false } : fate
  }

  async #carryOut(
    fate: Fate,
    delivery: Delivery,
    verdict: NotDone,
    attempt: number,
  ): Promise<SettledDelivery | undefined> {
    const { attempts, failed, tally, dead, pipeline } = this.#options
    switch (fate.kind) {
      case 'again':
        return this.#again(delivery, verdict, fate)
      case 'release':
        await this.release([delivery])
        return undefined
      case 'copy': {
        const { headers, afterMs } = fate
        return this.#replace(delivery, verdict, pipeline, { headers, delayMs: afterMs })
      }
      case 'dead':
        return this.#replace(delivery, verdict, dead, {})
      case 'leave':
        tally.failed += 1
        if (this.#options.source.guarantees.deadLetters !== 'atOnce') failed.leave(delivery.id)
        return { delivery, verdict: { kind: 'fail', why: verdict.why } }
      case 'park':
        return this.#park(delivery, verdict, attempt)
      default:
        tally.dropped += 1
        attempts.forget(delivery)
        return done(delivery)
    }
  }

  #again(
    delivery: Delivery,
    { why }: NotDone,
    { afterMs, isFree }: { readonly afterMs: number; readonly isFree: boolean },
  ): SettledDelivery {
    const { attempts, tally } = this.#options
    if (isFree) attempts.forgive(delivery)
    else attempts.failed(delivery)
    tally.retried += 1
    return { delivery, verdict: { kind: 'retry', why, afterMs } }
  }

  /** Pushes a copy first and acknowledges afterwards: between the two a crash makes two of it, and never none. */
  async #replace(
    delivery: Delivery,
    verdict: NotDone,
    into: string,
    changes: { readonly headers?: Headers; readonly delayMs?: number },
  ): Promise<SettledDelivery> {
    const { attempts, tally, push, log, pipeline, policy, random } = this.#options
    try {
      await push(into, copyOf(delivery, changes))
    } catch (error) {
      const fields = { pipeline, job: delivery.id, into, error: messageOf(error) }
      log.error(fields, 'a job could not be moved, it comes again')
      const afterMs = changes.delayMs ?? waitMs(attempts.of(delivery), policy, random)
      return this.#again(delivery, verdict, { afterMs, isFree: false })
    }
    if (changes.headers === undefined) tally.failed += 1
    else tally.retried += 1
    attempts.forget(delivery)
    return done(delivery)
  }

  async #park(delivery: Delivery, verdict: NotDone, attempt: number): Promise<SettledDelivery | undefined> {
    const { source, failed, tally, log, pipeline, nowMs } = this.#options
    const { why } = verdict
    if (source.failed !== undefined) return this.#store(source.failed, delivery, verdict, attempt)
    tally.failed += 1
    failed.add({ delivery, why, attempt, atMs: nowMs() })
    this.#report({ kind: 'park' }, delivery, verdict, attempt)
    const [fault] = (await source.park?.([delivery])) ?? []
    if (fault === undefined) return undefined
    const fields = { pipeline, job: delivery.id, error: messageOf(fault) }
    log.warn(fields, 'a failed job could not be hidden: its queue delivers it again, it is not run')
    return undefined
  }

  /** Lets the queue keep it; where that fails, it is tried once more. */
  async #store(
    store: FailedStore,
    delivery: Delivery,
    verdict: NotDone,
    attempt: number,
  ): Promise<SettledDelivery | undefined> {
    const { attempts, poison, tally, log, pipeline, policy, random } = this.#options
    try {
      await store.keep({ delivery, why: typedText(verdict.why), attempt })
    } catch (error) {
      const fields = { pipeline, job: delivery.id, error: messageOf(error) }
      log.warn(fields, 'a failed job could not be kept by its queue')
      const fate = { kind: 'again', afterMs: waitMs(attempt, policy, random), isFree: false } as const
      this.#report(fate, delivery, verdict, attempt)
      return this.#again(delivery, verdict, fate)
    }
    this.#report({ kind: 'park' }, delivery, verdict, attempt)
    tally.failed += 1
    // When it is redriven, by whichever server, all is ahead of it.
    attempts.forget(delivery)
    poison.forget(delivery.id)
    return undefined
  }
}

/** True for what is acknowledged without a word. */
function isPlain({ delivery, verdict }: SettledDelivery): boolean {
  return verdict.kind === 'done' && verdict.warning === undefined && delivery.autoAck !== true
}

function done(delivery: Delivery): SettledDelivery {
  return { delivery, verdict: { kind: 'done', body: new Uint8Array() } }
}

/** RoadRunner's name for a job that it did not push itself. */
const foreignJob = 'deduced_by_rr'

/** A new job that stands for a delivery. */
function copyOf(delivery: Delivery, changes: Partial<NewJob>): NewJob {
  const { id, body, headers, priority, lane } = delivery
  return {
    id: jobFact(delivery, 'id') ?? id,
    name: jobFact(delivery, 'name') ?? foreignJob,
    body,
    headers,
    priority,
    delayMs: 0,
    ...(lane === undefined ? {} : { lane }),
    ...changes,
  }
}
