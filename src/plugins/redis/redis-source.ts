/**
 * The source over a stream of Redis: a consumer group, whose entries are ours as long as their idle time is below the lease. What another
 * consumer has taken over is neither acknowledged nor moved.
 */
import { type Clock, messageOf, onAbort, type Timer } from '../../index.js'
import type {
  Delivery,
  FailedStore,
  NewJob,
  SettledDelivery,
  Source,
  SourceCounts,
} from '../../work/index.js'
import { LostMessage } from '../../work/queues/lost-message.js'
import { receiptOf } from '../../work/queues/message.js'
import { Persistence } from '../../work/queues/persistence.js'
import { entryOfJob, keptEntry, type StreamEntry, streamDelivery } from './entry.js'
import { redisGuarantees } from './guarantees.js'
import { streamAgain, streamDone, streamExtend, streamKeep, streamLater, streamRedrive } from './scripts.js'
import type { RedisStream } from './stream.js'
import type { StreamKeys } from './stream-keys.js'

/** Options of a source. */
export interface RedisSourceOptions {
  readonly pipeline: string
  readonly queue: string
  readonly stream: RedisStream
  readonly keys: StreamKeys
  readonly group: string
  readonly consumer: string
  readonly leaseMs: number
  /** Entries of one read at most. */
  readonly readMax: number
  readonly priority: number
  readonly clock: Clock
  readonly newId: () => string
}

/** Ms that a pull waits unless it is told another time. */
const waitMsDefault = 20_000
/** Longest time between two looks for delays that others have set, and for what is left behind. */
const lookMsMax = 1000
const cursorStart = '0-0'
/** Kept entries of one script. */
const redriveMax = 500

/** A source. */
export class RedisSource implements Source {
  readonly guarantees = redisGuarantees
  readonly failed: FailedStore
  readonly #options: RedisSourceOptions
  readonly #persistence: Persistence
  readonly #owner: readonly [group: string, consumer: string]
  /** Deliveries that are extended beyond a lease, with the wall-clock ms of its end. */
  readonly #longer = new Map<Delivery, number>()
  #timer: Timer | undefined
  #cursor = cursorStart
  /** Monotonic ms of the next look. */
  #lookAtMs = 0
  /** Monotonic ms until which a read waits. */
  #blockedUntilMs = 0

  constructor(options: RedisSourceOptions) {
    const { clock, group, consumer, stream, keys } = options
    this.#options = options
    this.#persistence = new Persistence(clock)
    this.#owner = [group, consumer]
    this.failed = {
      keep: async ({ delivery, why, attempt }) => {
        const args = [...this.#owner, receiptOf(delivery), delivery.id, attempt, why]
        const [isKept] = await stream.flags(streamKeep, [keys.stream, keys.failed], args)
        if (isKept !== true) throw lost()
      },
      list: async (max) => (await stream.range(keys.failed, '', max)).map(keptEntry),
      count: () => stream.lengthOf(keys.failed),
      redrive: (ids) => this.#redrive(ids),
    }
  }

  async pull(want: number, signal: AbortSignal, waitMs = waitMsDefault): Promise<readonly Delivery[]> {
    const { clock, stream, readMax } = this.#options
    const max = Math.min(want, readMax)
    const untilMs = clock.monotonicMs() + waitMs
    const unabort = onAbort(signal, () => void stream.unblock())
    try {
      while (!signal.aborted) {
        if (clock.monotonicMs() >= this.#lookAtMs) {
          const taken = await this.#look(max)
          if (taken.length > 0) return taken
        }
        const nowMs = clock.monotonicMs()
        if (signal.aborted || nowMs >= untilMs) break
        const expiresAtMs = this.#expiry()
        this.#blockedUntilMs = Math.min(untilMs, this.#lookAtMs)
        const entries = await stream.read(max, this.#blockedUntilMs - nowMs)
        // Delivered while it was aborted, they are given back by the caller.
        if (entries.length > 0)
          return this.#deliveries(entries, Math.max(expiresAtMs, this.#expiry() - lookMsMax))
      }
      return []
    } finally {
      unabort()
      this.#blockedUntilMs = 0
    }
  }

  async settle(items: readonly SettledDelivery[]): Promise<(Error | undefined)[]> {
    const faults: (Error | undefined)[] = items.map(() => undefined)
    for (const { delivery } of items) this.#longer.delete(delivery)
    const over = [...items.entries()].filter(([, { verdict }]) => verdict.kind !== 'retry')
    const again = [...items.entries()].filter(([, { verdict }]) => verdict.kind === 'retry')
    const tell = async (list: typeof over, ask: () => Promise<readonly boolean[]>) => {
      try {
        const told = await this.#persist(
          list.map(([, { delivery }]) => delivery),
          ask,
        )
        for (const [n, [at]] of list.entries())
          if (told.answer[n] !== true && !told.isRepeated) faults[at] = lost()
      } catch (error) {
        for (const [at] of list) faults[at] = error instanceof Error ? error : new Error(messageOf(error))
      }
    }
    const tellings = again.map((one) => tell([one], () => this.#again(one[1])))
    if (over.length > 0) tellings.push(tell(over, () => this.#done(over.map(([, { delivery }]) => delivery))))
    await Promise.all(tellings)
    return faults
  }

  /** Extends those that are still ours, in one call. Redis counts the idle time alone: for more than a lease it is reset in between. */
  async extend(deliveries: readonly Delivery[], byMs: number): Promise<readonly (Error | undefined)[]> {
    const { leaseMs, clock } = this.#options
    const told = await this.#idle(deliveries, Math.max(0, Math.round(leaseMs - byMs)))
    for (const [at, delivery] of deliveries.entries())
      if (told[at] === true && byMs > leaseMs) this.#longer.set(delivery, clock.nowMs() + byMs)
    this.#arm()
    return told.map((isOurs) => (isOurs ? undefined : lost()))
  }

  /** Ends their lease now: the consumer that looks next takes them over, in their order. */
  async release(deliveries: readonly Delivery[]): Promise<void> {
    if (deliveries.length === 0) return
    for (const delivery of deliveries) this.#longer.delete(delivery)
    await this.#idle(deliveries, this.#options.leaseMs)
    this.#lookSoon(0)
  }

  /** In their order; those with a delay into the sorted set. */
  async push(jobs: readonly NewJob[]): Promise<void> {
    const { stream, keys, pipeline, newId } = this.#options
    const now = jobs.filter(({ delayMs }) => delayMs <= 0)
    if (now.length > 0) await stream.add(now.map((job) => entryOfJob(job, pipeline, newId())))
    for (const job of jobs) {
      if (job.delayMs <= 0) continue
      const id = newId()
      await stream.script(
        streamLater,
        [keys.delayed],
        [Math.ceil(job.delayMs), id, ...entryOfJob(job, pipeline, id)],
      )
      this.#lookSoon(job.delayMs)
    }
  }

  async counts(): Promise<SourceCounts> {
    const [length, pending, delayed] = await this.#options.stream.numbers()
    return { active: Math.max(0, length - pending), delayed, reserved: pending }
  }

  async close(): Promise<void> {
    this.#persistence.end()
    this.#timer?.clear()
    this.#longer.clear()
    await this.#options.stream.close()
  }

  #arm(): void {
    if (this.#longer.size === 0 || this.#timer !== undefined) return
    const { clock, leaseMs } = this.#options
    this.#timer = clock.timer(leaseMs / 3, () => {
      this.#timer = undefined
      for (const [delivery, untilMs] of this.#longer)
        if (untilMs <= clock.nowMs()) this.#longer.delete(delivery)
      // One that could not be asked is asked again with the next turn; one that is lost is heard of when it is settled.
      if (this.#longer.size > 0) this.#idle([...this.#longer.keys()], 0).catch(() => [])
      this.#arm()
    })
  }

  async #look(max: number): Promise<readonly Delivery[]> {
    const { stream, leaseMs, clock } = this.#options
    const expiresAtMs = this.#expiry()
    const { taken, nextMs = lookMsMax, cursor } = await stream.look(leaseMs, max, this.#cursor)
    this.#cursor = cursor
    const isMore = cursor !== cursorStart || taken.length > 0
    this.#lookAtMs = clock.monotonicMs() + (isMore ? 0 : Math.min(lookMsMax, nextMs))
    return taken.map(([entry, count]) => streamDelivery(entry, count, this.#facts(expiresAtMs)))
  }

  #deliveries(entries: readonly StreamEntry[], expiresAtMs: number): readonly Delivery[] {
    const facts = this.#facts(expiresAtMs)
    return entries.map((entry) => streamDelivery(entry, 1, facts))
  }

  #facts(expiresAtMs: number) {
    const { queue, priority } = this.#options
    return { queue, priority, expiresAtMs }
  }

  #expiry(): number {
    const { clock, leaseMs } = this.#options
    return clock.nowMs() + leaseMs
  }

  async #done(deliveries: readonly Delivery[]): Promise<readonly boolean[]> {
    const { stream, keys } = this.#options
    return stream.flags(streamDone, [keys.stream], [...this.#owner, ...deliveries.map(receiptOf)])
  }

  async #again({ delivery, verdict }: SettledDelivery): Promise<readonly boolean[]> {
    const { stream, keys } = this.#options
    const delayMs = verdict.kind === 'retry' ? Math.ceil(verdict.afterMs ?? 0) : 0
    const args = [...this.#owner, receiptOf(delivery), delivery.id, delivery.attempt ?? 1, delayMs]
    const told = await stream.flags(streamAgain, [keys.stream, keys.delayed], args)
    this.#lookSoon(delayMs)
    return told
  }

  #idle(deliveries: readonly Delivery[], idleMs: number): Promise<readonly boolean[]> {
    const { stream, keys } = this.#options
    return stream.flags(streamExtend, [keys.stream], [...this.#owner, idleMs, ...deliveries.map(receiptOf)])
  }

  async #redrive(ids: readonly string[] | undefined): Promise<number> {
    const { stream, keys } = this.#options
    let count = 0
    let after = ''
    for (;;) {
      const page = (await stream.range(keys.failed, after, redriveMax)).map(keptEntry)
      const wanted = page.filter(({ id }) => ids === undefined || ids.includes(id))
      if (wanted.length > 0) {
        const entries = wanted.map(({ entry }) => entry)
        count += Number(await stream.script(streamRedrive, [keys.failed, keys.stream], entries))
      }
      after = page.at(-1)?.entry ?? ''
      if (page.length < redriveMax) return count
    }
  }

  /** Repeats a call while Redis is away, as long as the leases last. */
  #persist<T>(deliveries: readonly Delivery[], call: () => Promise<T>) {
    const untilMs = Math.min(...deliveries.map(({ expiresAtMs = 0 }) => expiresAtMs))
    return this.#persistence.ask(
      call,
      Math.max(untilMs, this.#options.clock.nowMs() + this.#options.leaseMs / 2),
    )
  }

  /** Looks in so many ms, and ends a wait that would be longer. */
  #lookSoon(afterMs: number): void {
    const { clock, stream } = this.#options
    const atMs = clock.monotonicMs() + afterMs
    if (afterMs === 0) this.#cursor = cursorStart
    if (atMs >= this.#lookAtMs) return
    this.#lookAtMs = atMs
    if (this.#blockedUntilMs > atMs) void stream.unblock()
  }
}

function lost(): Error {
  return new LostMessage('another consumer has taken the job over: its lease had ended')
}
