/** Faults of Kafka and of its client → faults of a queue's server, with what to do. Pure. */
import { messageOf, type RelayError } from '../../index.js'
import { isQueueFault, queueFault } from '../../work/queues/queue-fault.js'

const deniedIds: readonly unknown[] = [
  'SASL_AUTHENTICATION_FAILED',
  'ILLEGAL_SASL_STATE',
  'UNSUPPORTED_SASL_MECHANISM',
  'TOPIC_AUTHORIZATION_FAILED',
  'GROUP_AUTHORIZATION_FAILED',
  'CLUSTER_AUTHORIZATION_FAILED',
]

/** Faults that are of one request: sending it again would not help. */
const ownIds: readonly unknown[] = ['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE', 'INVALID_RECORD']

/** Returns the fault of the queue behind an error; the error itself where it is a fault of one request. */
export function kafkaFault(error: unknown, place: string): unknown {
  if (isQueueFault(error)) return error
  const inner = innermost(error)
  const ids = inner.map(({ apiId }) => apiId)
  const codes = inner.map(({ code }) => code)
  const says = inner.map(messageOf).find((text) => text !== '') ?? messageOf(error)
  const fault = (kind: 'unreachable' | 'denied' | 'missing', what: string, hint: string) =>
    queueFault({ kind, what: `Kafka at ${place} ${what}: ${says}`, hint, cause: error })
  if (ids.some((id) => deniedIds.includes(id)) || codes.includes('PLT_KFK_AUTHENTICATION'))
    return fault(
      'denied',
      'refused the credentials or a permission',
      'Correct `kafka.sasl`; the user needs to read and write the topics, and to read the group.',
    )
  if (ids.includes('INCONSISTENT_GROUP_PROTOCOL'))
    return fault(
      'denied',
      'does not let us into the group',
      'Other programs are in it: name another one in `group_options.group_id`, or stop them first.',
    )
  if (ids.includes('UNKNOWN_TOPIC_OR_PARTITION') || /^Unknown topic/.test(says))
    return fault(
      'missing',
      'does not have the topic',
      'Make it, or set `auto_create_topics_enable` of the pipeline.',
    )
  if (ids.some((id) => ownIds.includes(id))) return error
  return fault('unreachable', 'cannot be reached', 'Start it, or correct `kafka.brokers`.')
}

/** The fault for a commit that came when the group was dealing its partitions anew, or had forgotten us. */
export function rebalancing(place: string, cause: unknown): RelayError {
  return queueFault({
    kind: 'unreachable',
    what: `the consumer group at ${place} is dealing its partitions`,
    hint: 'It is over in a moment; servers that come and go all the time keep it from work.',
    cause,
  })
}

/** True where the coordinator does not know us any more, or deals the partitions. */
export function isOutOfGroup(error: unknown): boolean {
  return innermost(error).some(({ needsRejoin }) => needsRejoin === true)
}

const comingIds: readonly unknown[] = [
  'COORDINATOR_NOT_AVAILABLE',
  'COORDINATOR_LOAD_IN_PROGRESS',
  'NOT_COORDINATOR',
]

/** True while a group has no coordinator yet. */
export function isComing(error: unknown): boolean {
  return innermost(error).some(({ apiId }) => comingIds.includes(apiId))
}

/** True where the client had a stale view of the cluster: the call was not carried out, and is worth another try. */
export function isStaleView(error: unknown): boolean {
  return innermost(error).some(({ hasStaleMetadata }) => hasStaleMetadata === true)
}

/** True where one of the errors has this name of Kafka's. */
export function hasApiId(error: unknown, apiId: string): boolean {
  return innermost(error).some((one) => one.apiId === apiId)
}

type Parts = Readonly<Record<string, unknown>> & { readonly message?: unknown }

/** The errors at the ground of an error of several, and of its causes. */
function innermost(error: unknown): readonly Parts[] {
  const parts = Object(error) as Parts
  const { errors, cause } = parts
  const inner = Array.isArray(errors) && errors.length > 0 ? errors : cause === undefined ? [] : [cause]
  return inner.length === 0
    ? [parts]
    : [...inner.flatMap(innermost), ...(Array.isArray(errors) ? [] : [parts])]
}
