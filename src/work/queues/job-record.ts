/**
 * Records of jobs for drivers whose queue AWS has no event-source mapping for: the members that protocols read, with the driver's name as
 * the source. Pure.
 */

/** Facts about a job. */
export interface JobFacts {
  /** Name of the driver. */
  readonly kind: string
  readonly id: string
  /** Id that its client gave; absent for a message of another program. */
  readonly ownId?: string | undefined
  readonly name?: string | undefined
  readonly pipeline?: string | undefined
  /** Table, stream, tube or topic. */
  readonly queue: string
  /** By which the queue knows this delivery. */
  readonly receipt?: string
  /** Texts about the message, in SQS's names where there is one. */
  readonly attributes?: Readonly<Record<string, string>>
}

/** Makes the record. RoadRunner's properties are where its protocol looks for them. */
export function jobRecord(facts: JobFacts): Readonly<Record<string, unknown>> {
  const { kind, id, ownId, name, pipeline, queue, receipt, attributes = {} } = facts
  const own = { rr_id: ownId, rr_job: name, rr_pipeline: pipeline }
  const entries = Object.entries(own).flatMap(([key, stringValue]) =>
    stringValue === undefined || stringValue === ''
      ? []
      : [[key, { stringValue, dataType: 'String' }] as const],
  )
  return {
    messageId: id,
    ...(receipt === undefined ? {} : { receiptHandle: receipt }),
    attributes,
    messageAttributes: Object.fromEntries(entries),
    eventSource: kind,
    queue,
  }
}
