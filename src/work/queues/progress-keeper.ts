/**
 * Knows until when deliveries are ours, for queues that extend a delivery by its own time and by no other (JetStream, beanstalkd): for a
 * longer extension they are told again and again.
 */
import type { Clock, Timer } from '../../index.js'
import type { Delivery } from '../source.js'
import { receiptOf } from './message.js'

/** Options of a keeper. */
export interface ProgressOptions {
  readonly clock: Clock
  /** Tells the queue that a delivery is in progress. Never throws. */
  readonly tell: (delivery: Delivery) => void
}

interface Kept {
  /** Ms by which the queue extends it. */
  readonly grantMs: number
  expiresAtMs: number
  timer: Timer | undefined
}

/** Deliveries at which lost ones are looked for. */
const sweepAt = 10_000

/** A keeper. */
export class ProgressKeeper {
  readonly #options: ProgressOptions
  /** By receipts: a message that is delivered again has another one. */
  readonly #kept = new Map<string, Kept>()

  constructor(options: ProgressOptions) {
    this.#options = options
  }

  /** A delivery has come. */
  began(delivery: Delivery, expiresAtMs: number, grantMs: number): void {
    if (this.#kept.size >= sweepAt) this.#sweep()
    this.#kept.set(receiptOf(delivery), { grantMs, expiresAtMs, timer: undefined })
  }

  /** A delivery was extended: it is ours for `byMs`, for which the queue may have to be told more than once. */
  extended(delivery: Delivery, byMs: number): void {
    const kept = this.#kept.get(receiptOf(delivery))
    if (kept === undefined) return
    const { clock, tell } = this.#options
    const { grantMs } = kept
    const nowMs = clock.nowMs()
    kept.timer?.clear()
    kept.timer = undefined
    kept.expiresAtMs = nowMs + byMs
    if (byMs <= grantMs) return
    const again = () => {
      tell(delivery)
      const leftMs = kept.expiresAtMs - clock.nowMs()
      kept.timer = leftMs <= grantMs ? undefined : clock.timer(grantMs / 2, again, { unref: true })
    }
    kept.timer = clock.timer(grantMs / 2, again, { unref: true })
  }

  /** True when the time of a delivery is over, or it is not known. */
  isLost(delivery: Delivery): boolean {
    const kept = this.#kept.get(receiptOf(delivery))
    return kept === undefined || this.#options.clock.nowMs() >= kept.expiresAtMs
  }

  /** Forgets a delivery that is settled or released. */
  forget(delivery: Delivery): void {
    const receipt = receiptOf(delivery)
    this.#kept.get(receipt)?.timer?.clear()
    this.#kept.delete(receipt)
  }

  /** Tells nothing more. */
  close(): void {
    for (const { timer } of this.#kept.values()) timer?.clear()
    this.#kept.clear()
  }

  /** Forgets what nobody settles any more: lost deliveries. */
  #sweep(): void {
    const nowMs = this.#options.clock.nowMs()
    for (const [receipt, { expiresAtMs }] of this.#kept) if (nowMs >= expiresAtMs) this.#kept.delete(receipt)
  }
}
