/** Deliveries without a queue behind them, and a source that writes down what it is told. */
import type { Delivery, SettledDelivery, Source } from '../../src/work/source.js'

/** A delivery by its id, which is also its body; a letter in front of it is its lane. */
export function delivery(id: string, changes: Partial<Delivery> = {}): Delivery {
  const lane = /^[a-z]/.exec(id)?.[0]
  return {
    id,
    source: 'test',
    body: id,
    record: {},
    headers: {},
    attempt: 1,
    priority: 10,
    ...(lane === undefined ? {} : { lane }),
    ...changes,
  }
}

/** A source that remembers what became of its deliveries. */
export class RecordingSource implements Pick<Source, 'settle' | 'release'> {
  readonly settled: string[] = []
  readonly released: string[] = []
  readonly #faultOf: (item: SettledDelivery) => Error | undefined

  constructor(faultOf: (item: SettledDelivery) => Error | undefined = () => undefined) {
    this.#faultOf = faultOf
  }

  async settle(items: readonly SettledDelivery[]): Promise<readonly (Error | undefined)[]> {
    for (const item of items) this.settled.push(`${item.delivery.id} ${item.verdict.kind}`)
    return items.map(this.#faultOf)
  }

  async release(deliveries: readonly Delivery[]): Promise<void> {
    for (const { id } of deliveries) this.released.push(id)
  }
}
