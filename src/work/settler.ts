/**
 * Tells a source what became of its deliveries: those whose jobs end in one turn of the event loop in one call, since sources take
 * lists (SQS: ten a call). Decides nothing about lanes or workers.
 */
import { type Logger, messageOf } from '../index.js'
import type { Delivery, SettledDelivery } from './source.js'
import type { Verdict } from './verdict.js'
import type { VisibilityExtender } from './visibility-extender.js'

/** Faults of a list of deliveries, in its order; undefined where all went well. */
export type SettleFaults = readonly (Error | undefined)[]

/** Source as its dispatcher needs it. One that answers at once costs no promise. */
export interface SettledSource {
  settle(items: readonly SettledDelivery[]): SettleFaults | Promise<SettleFaults>
  release(deliveries: readonly Delivery[]): Promise<void> | undefined
}

/** Parts of a settler. */
export interface SettlerOptions {
  readonly source: SettledSource
  readonly log: Logger
  readonly extender?: VisibilityExtender | undefined
  /** Called when the source has answered. */
  readonly onAnswered: () => void
}

/** Settler of one dispatcher’s deliveries. */
export class Settler {
  readonly #options: SettlerOptions
  #gathered: SettledDelivery[] = []
  #isScheduled = false
  /** Calls of the source that it has not answered. */
  #openCount = 0

  constructor(options: SettlerOptions) {
    this.#options = options
  }

  /** True when the source has been told everything and has answered. */
  get isIdle(): boolean {
    return this.#openCount === 0 && this.#gathered.length === 0
  }

  /** Settles these together with what else ends in this turn. */
  add(deliveries: readonly Delivery[], verdicts: readonly Verdict[]): void {
    for (const [at, delivery] of deliveries.entries()) this.#gather(delivery, verdicts[at])
    if (this.#isScheduled || this.#gathered.length === 0) return
    this.#isScheduled = true
    setImmediate(() => {
      this.#isScheduled = false
      this.flush()
      this.#options.onAnswered()
    })
  }

  /** Tells the source what has been gathered, instead of at the end of the turn. */
  flush(): void {
    if (this.#gathered.length === 0) return
    const items = this.#gathered
    this.#gathered = []
    void this.#tell(items)
  }

  /**
   * Settles the deliveries of an ordered lane one after the other, up to the first that comes again. Resolves with those behind it,
   * or undefined when there is none.
   */
  async inOrder(
    deliveries: readonly Delivery[],
    verdicts: readonly Verdict[],
  ): Promise<readonly Delivery[] | undefined> {
    this.flush()
    for (const [at, delivery] of deliveries.entries()) {
      const verdict = verdicts[at]
      this.#gather(delivery, verdict)
      const items = this.#gathered
      this.#gathered = []
      const [item] = items
      // A lost one comes again, so those behind it must wait for it, unless it is done: then only its end is not known to the source.
      if (item === undefined) {
        if (verdict?.kind === 'done') continue
        return deliveries.slice(at + 1)
      }
      const told = this.#tell(items)
      if (item.verdict.kind === 'done') continue
      const [fault] = await told
      if (item.verdict.kind === 'retry' || fault !== undefined) return deliveries.slice(at + 1)
    }
    return undefined
  }

  /** Gives deliveries back to the source untouched. */
  release(deliveries: readonly Delivery[]): void {
    const { source, extender } = this.#options
    const kept = deliveries.filter((delivery) => extender?.drop(delivery) !== true)
    if (kept.length === 0) return
    try {
      const released = source.release(kept)
      if (released === undefined) return
      this.#openCount += 1
      void released.catch((error: unknown) => this.#unreleased(kept, error)).finally(() => this.#answered())
    } catch (error) {
      this.#unreleased(kept, error)
    }
  }

  /** Leaves lost deliveries out: their source has taken them back. */
  #gather(delivery: Delivery, verdict: Verdict | undefined): void {
    const { extender, log } = this.#options
    if (verdict === undefined) throw new Error('bug in relayrunner: a delivery without a verdict')
    if (extender?.drop(delivery) !== true) this.#gathered.push({ delivery, verdict })
    else log.warn({ job: delivery.id }, 'an answer came too late and is dropped: its delivery had expired')
  }

  #tell(items: readonly SettledDelivery[]): SettleFaults | Promise<SettleFaults> {
    let told: SettleFaults | Promise<SettleFaults>
    try {
      told = this.#options.source.settle(items)
    } catch (error) {
      return this.#unsettled(items, error)
    }
    if (!(told instanceof Promise)) return told
    this.#openCount += 1
    return told.catch((error: unknown) => this.#unsettled(items, error)).finally(() => this.#answered())
  }

  /** A fault of a whole call is a fault of each of its items. */
  #unsettled(items: readonly SettledDelivery[], error: unknown): SettleFaults {
    this.#options.log.warn(
      { error: messageOf(error), count: items.length },
      'deliveries could not be settled and will be delivered again',
    )
    const fault = error instanceof Error ? error : new Error(messageOf(error))
    return items.map(() => fault)
  }

  #unreleased(deliveries: readonly Delivery[], error: unknown): void {
    const fields = { error: messageOf(error), count: deliveries.length }
    this.#options.log.warn(fields, 'deliveries could not be released')
  }

  #answered(): void {
    this.#openCount -= 1
    this.#options.onAnswered()
  }
}
