/** Turns of the jobs of one pipeline. Pure. */
import type { Delivery, Source } from '../../work/index.js'
import { turnOfDelivery } from '../../work/turns.js'
import type { PipelineOptions } from './pipeline-options.js'
import type { Fairness } from './scheduler.js'

const fairWindowDefault = 1000

/** Returns how jobs take turns; undefined where they run as they come. A queue that hands them out in turn needs no window. */
export function fairnessOf(
  { fairBy, fairWindow = fairWindowDefault }: PipelineOptions,
  source: Source,
): Fairness | undefined {
  if (fairBy === undefined) return undefined
  const window = source.guarantees.fairness === 'queue' ? 0 : fairWindow
  return { turnOf: (delivery: Delivery) => turnOfDelivery(delivery, fairBy), window }
}
