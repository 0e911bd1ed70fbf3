/**
 * Callers that wait for a worker, each of which can cancel its wait. Priorities are weights, not ranks: a caller of priority
 * 1 is served ten times as often as one of 10, so that neither is ever starved by the other; within a priority the keys
 * (tenants, message groups) take turns; within a key, first come, first served.
 *
 * Invariant: a waiter is in `#all` and in exactly one of `#front` and a class's keys, until it is served or leaves; then it
 * is marked, and its two queues are told.
 */
import { onAbort } from '../../../core/abort.js'
import type { Clock } from '../../../core/clock.js'
import { ErrorCode, RelayError } from '../../../core/errors.js'
import { type Leavable, LeavableQueue } from './leavable-queue.js'

/** RoadRunner's default. */
const defaultPriority = 10
/** A lower priority is served more often; values out of range are clamped. */
const priorityMax = 1000

/** Options of one caller's wait. */
export interface WaitOptions {
  /** True to wait ahead of all callers that are not in front. */
  readonly front: boolean
  /** Longest wait in ms; then RR_POOL_NO_WORKERS. */
  readonly waitMsMax: number
  readonly signal: AbortSignal | undefined
  /** 1 to 1000, 10 when absent: the share is its inverse. */
  readonly priority?: number | undefined
  /** Owner of the work; keys of one priority take turns. */
  readonly key?: string | undefined
}

interface Waiter<T> extends Leavable {
  isWaiting: boolean
  readonly sinceMs: number
  readonly serve: (worker: T) => void
  readonly fail: (error: RelayError) => void
}

/** Waiters of one key; it stays in its class as long as it has any. */
class KeyLine<T> extends LeavableQueue<Waiter<T>> implements Leavable {
  isWaiting = true
}

/** Waiters of one priority. */
interface PriorityClass<T> {
  readonly cost: number
  /** Virtual time at which its next service ends; the smallest is served. */
  finish: number
  readonly keys: Map<string, KeyLine<T>>
  /** The same lines in the order of their turns; a `Map` in that order would be as slow as a `Set` when there are many keys. */
  readonly turns: LeavableQueue<KeyLine<T>>
}

/** Callers of one pool that wait for a worker. Its owner bounds its length. */
export class WaitingLine<T> {
  readonly #pool: string
  readonly #clock: Clock
  readonly #all = new LeavableQueue<Waiter<T>>()
  readonly #front = new LeavableQueue<Waiter<T>>()
  readonly #classes = new Map<number, PriorityClass<T>>()
  #virtualTime = 0

  constructor(options: { readonly pool: string; readonly clock: Clock }) {
    this.#pool = options.pool
    this.#clock = options.clock
  }

  get length(): number {
    return this.#all.size
  }

  /** True when a caller waits ahead of all others. */
  get hasFront(): boolean {
    return this.#front.size > 0
  }

  /** Wait of the caller that came first, in ms; 0 when nobody waits. */
  oldestMs(): number {
    const oldest = this.#all.first()
    return oldest === undefined ? 0 : this.#clock.monotonicMs() - oldest.sinceMs
  }

  /** Resolves with a worker; rejects with RR_POOL_NO_WORKERS, RR_JOB_ABORTED or what `failAll` is given. */
  wait(options: WaitOptions): Promise<T> {
    const { waitMsMax, signal } = options
    if (signal?.aborted === true) return Promise.reject(this.#aborted())
    return new Promise((resolve, reject) => {
      const leave = () => {
        timer.clear()
        stopListening()
        waiter.isWaiting = false
        this.#all.left()
        forget()
      }
      const waiter: Waiter<T> = {
        isWaiting: true,
        sinceMs: this.#clock.monotonicMs(),
        serve: (worker) => {
          leave()
          resolve(worker)
        },
        fail: (error) => {
          leave()
          reject(error)
        },
      }
      const timer = this.#clock.timer(waitMsMax, () => waiter.fail(this.#tooLong(waitMsMax)))
      const stopListening = onAbort(signal, () => waiter.fail(this.#aborted()))
      this.#all.add(waiter)
      const forget = this.#queue(waiter, options)
    })
  }

  /** Gives the worker to the caller whose turn it is; false when nobody waits. */
  serve(worker: T): boolean {
    const next = this.#front.first() ?? this.#nextByShare()
    next?.serve(worker)
    return next !== undefined
  }

  /** Fails all waiting callers. */
  failAll(error: RelayError): void {
    for (const waiter of this.#all.all()) if (waiter.isWaiting) waiter.fail(error)
  }

  /** Queues a waiter; call the returned function when it has left. */
  #queue(waiter: Waiter<T>, { front, priority, key = '' }: WaitOptions): () => void {
    if (front) {
      this.#front.add(waiter)
      return () => this.#front.left()
    }
    const cost = costOf(priority)
    const group = this.#classOf(cost)
    const line = group.keys.get(key) ?? addKey(group, key)
    line.add(waiter)
    return () => {
      line.left()
      if (line.size > 0) return
      line.isWaiting = false
      group.keys.delete(key)
      group.turns.left()
      if (group.keys.size === 0) this.#classes.delete(cost)
    }
  }

  /** A class that was empty begins at the current virtual time: its absence earns it no service. */
  #classOf(cost: number): PriorityClass<T> {
    const known = this.#classes.get(cost)
    if (known !== undefined) return known
    const group: PriorityClass<T> = {
      cost,
      finish: this.#virtualTime + cost,
      keys: new Map(),
      turns: new LeavableQueue(),
    }
    this.#classes.set(cost, group)
    return group
  }

  #nextByShare(): Waiter<T> | undefined {
    let chosen: PriorityClass<T> | undefined
    for (const one of this.#classes.values())
      if (chosen === undefined || one.finish < chosen.finish) chosen = one
    if (chosen === undefined) return undefined
    this.#virtualTime = chosen.finish
    chosen.finish += chosen.cost
    return chosen.turns.rotate()?.first()
  }

  #aborted(): RelayError {
    return new RelayError(
      ErrorCode.JobAborted,
      `the caller gave up waiting for a worker of pool "${this.#pool}"`,
    )
  }

  #tooLong(waitMs: number): RelayError {
    return new RelayError(
      ErrorCode.PoolNoWorkers,
      `no worker of pool "${this.#pool}" became free within ${Math.round(waitMs)} ms`,
      { hint: 'Raise `num_workers` or `queue_timeout`, or see in the log why workers do not boot.' },
    )
  }
}

function addKey<T>(group: PriorityClass<T>, key: string): KeyLine<T> {
  const line = new KeyLine<T>()
  group.keys.set(key, line)
  group.turns.add(line)
  return line
}

/** Returns the cost of a priority; NaN would take the whole line out of order, so it counts as the default. */
function costOf(priority: number | undefined): number {
  if (priority === undefined || Number.isNaN(priority)) return defaultPriority
  return Math.min(priorityMax, Math.max(1, Math.round(priority)))
}
