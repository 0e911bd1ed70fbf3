/** The job of some records of an event: its id, and the tags that it carries. Pure. */
import { Codec, type Job } from '../../../index.js'
import type { Delivery } from '../../../work/source.js'
import type { EventFacts } from './mode.js'

/** The id of a job: the request, the first record, and how many follow it. */
export function jobIdOf(requestId: string, deliveries: readonly Delivery[]): string {
  const [first] = deliveries
  const more = deliveries.length > 1 ? `+${deliveries.length - 1}` : ''
  return `${requestId}/${first?.id}${more}`
}

/** The job of these records. */
export function recordJob(
  { invocation: { requestId }, tags }: EventFacts,
  deliveries: readonly Delivery[],
  { context, body }: Pick<Job, 'context' | 'body'>,
): Job {
  return { context, body, codec: Codec.raw, id: jobIdOf(requestId, deliveries), tags }
}
