/**
 * Knows until when deliveries are ours. JetStream extends a delivery by the consumer's own time and by no other: for a longer extension it
 * is told again and again.
 */
import type { Clock, Timer } from '../../index.js'
import { receiptOf } from '../../work/queues/message.js'
import type { Delivery } from '../../work/source.js'

/** Options of a keeper. */
export interface ProgressOptions {
  readonly clock: Clock
  /** Ms by which JetStream extends. */
  readonly ackWaitMs: number
  /** Tells JetStream that a delivery is in progress. */
  readonly tell: (delivery: Delivery) => void
}

interface Kept {
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
  began(delivery: Delivery, expiresAtMs: number): void {
    if (this.#kept.size >= sweepAt) this.#sweep()
    this.#kept.set(receiptOf(delivery), { expiresAtMs, timer: undefined })
  }

  /** A delivery was extended: it is ours for `byMs`, for which JetStream may have to be told more than once. */
  extended(delivery: Delivery, byMs: number): void {
    const kept = this.#kept.get(receiptOf(delivery))
    if (kept === undefined) return
    const { clock, ackWaitMs, tell } = this.#options
    const nowMs = clock.nowMs()
    kept.timer?.clear()
    kept.timer = undefined
    kept.expiresAtMs = nowMs + byMs
    if (byMs <= ackWaitMs) return
    const again = () => {
      tell(delivery)
      const leftMs = kept.expiresAtMs - clock.nowMs()
      kept.timer = leftMs <= ackWaitMs ? undefined : clock.timer(ackWaitMs / 2, again, { unref: true })
    }
    kept.timer = clock.timer(ackWaitMs / 2, again, { unref: true })
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
