/** A record of a batch event as the delivery that workers are given. */
import { recordHeaders } from '../../../work/protocols/record-headers.js'
import type { Delivery, Headers } from '../../../work/source.js'
import type { RecordPlan } from './record.js'
import type { EventPlan } from './split.js'

const priorityDefault = 10

/** One record. */
export class RecordDelivery implements Delivery {
  readonly plan: RecordPlan
  readonly source: string
  /** Place in the batch. */
  readonly index: number
  readonly lane?: string
  readonly priority = priorityDefault

  constructor(plan: RecordPlan, { source, index, lane }: Pick<RecordDelivery, 'source' | 'index' | 'lane'>) {
    this.plan = plan
    this.source = source
    this.index = index
    if (lane !== undefined) this.lane = lane
  }

  get id(): string {
    return this.plan.name
  }

  get body(): string | Uint8Array {
    return this.plan.body
  }

  get record(): Readonly<Record<string, unknown>> {
    return { ...this.plan.rest }
  }

  get headers(): Headers {
    return recordHeaders(this.record)
  }

  get attempt(): number | null {
    return this.plan.attempt
  }
}

/** The record of a delivery that `deliveriesOf` made. */
export function recordOf(delivery: Delivery): RecordPlan {
  if (delivery instanceof RecordDelivery) return delivery.plan
  throw new Error('bug in relayrunner: a delivery that is not a record of an event')
}

/** The records of a batch, with the lanes of those that have an order to keep. */
export function deliveriesOf({
  source,
  records,
  lanes,
}: EventPlan & { readonly kind: 'batch' }): readonly RecordDelivery[] {
  const laneOf: (string | undefined)[] = records.map(() => undefined)
  for (const [number, lane] of lanes.entries())
    if (lane.length > 1) for (const index of lane) laneOf[index] = String(number)
  return records.map((plan, index) => {
    const lane = laneOf[index]
    return new RecordDelivery(plan, lane === undefined ? { source, index } : { source, index, lane })
  })
}
