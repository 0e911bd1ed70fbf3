/** Finds the URL of a queue by its name, and creates the queue where it is not there. */
import { messageOf } from '../../../index.js'
import { queueFault } from '../queue-fault.js'
import type { LoadedSqs } from './client.js'

/** A queue by its name. */
export interface NamedQueue {
  readonly name: string
  /** False: a missing queue is a fault. */
  readonly creates: boolean
  /** Attributes of a queue that is created, by SQS's names in any case. */
  readonly attributes: Readonly<Record<string, string>>
  /** Tags of a queue that is created. */
  readonly tags: Readonly<Record<string, string>>
}

const callMsMax = 15_000

/** Resolves with the URL. Rejects with RR_QUEUE_MISSING, RR_QUEUE_DENIED or RR_QUEUE_UNREACHABLE, after which one may try again. */
export async function urlOfNamed({ sdk, client }: LoadedSqs, queue: NamedQueue): Promise<string> {
  const { name, creates } = queue
  const abortSignal = AbortSignal.timeout(callMsMax)
  try {
    const { QueueUrl: url = '' } = await client.send(new sdk.GetQueueUrlCommand({ QueueName: name }), {
      abortSignal,
    })
    return url
  } catch (error) {
    if (!isMissing(error)) throw faultOf(error, `the queue "${name}" of SQS cannot be looked up`)
    if (!creates) throw missing(name, error)
  }
  const { tags } = queue
  const command = new sdk.CreateQueueCommand({
    QueueName: name,
    Attributes: attributesOf(queue),
    ...(Object.keys(tags).length === 0 ? {} : { tags }),
  })
  try {
    const { QueueUrl: url = '' } = await client.send(command, { abortSignal })
    return url
  } catch (error) {
    throw faultOf(error, `the queue "${name}" of SQS is not there and cannot be created`)
  }
}

/** A FIFO queue says so by its name and by an attribute. */
function attributesOf({ name, attributes }: NamedQueue): Record<string, string> {
  const given = Object.entries(attributes).map(([key, value]) => [
    awsNames.get(key.toLowerCase()) ?? key,
    value,
  ])
  return { ...(name.endsWith('.fifo') ? { FifoQueue: 'true' } : {}), ...Object.fromEntries(given) }
}

/** Attributes of CreateQueue: RoadRunner reads its file without regard to case. */
const awsNames = new Map(
  [
    'DelaySeconds',
    'MaximumMessageSize',
    'MessageRetentionPeriod',
    'Policy',
    'ReceiveMessageWaitTimeSeconds',
    'VisibilityTimeout',
    'RedrivePolicy',
    'RedriveAllowPolicy',
    'KmsMasterKeyId',
    'KmsDataKeyReusePeriodSeconds',
    'SqsManagedSseEnabled',
    'FifoQueue',
    'ContentBasedDeduplication',
    'DeduplicationScope',
    'FifoThroughputLimit',
  ].map((name) => [name.toLowerCase(), name]),
)

function isMissing(error: unknown): boolean {
  return /QueueDoesNotExist|NonExistentQueue/.test(nameOf(error))
}

function missing(name: string, cause: unknown): Error {
  const what = `there is no queue "${name}" of SQS, and skip_queue_declaration keeps it from being created`
  return queueFault({ kind: 'missing', what, hint: 'Create it, or leave out skip_queue_declaration.', cause })
}

function faultOf(error: unknown, what: string): Error {
  const isDenied =
    /AccessDenied|Credentials|InvalidClientTokenId|SignatureDoesNotMatch|UnrecognizedClient/.test(
      nameOf(error),
    )
  const hint = isDenied
    ? 'Allow sqs:GetQueueUrl and sqs:CreateQueue, or name the queue by its URL.'
    : 'Check `sqs.endpoint` and `sqs.region`.'
  return queueFault({
    kind: isDenied ? 'denied' : 'unreachable',
    what: `${what}: ${messageOf(error)}`,
    hint,
    cause: error,
  })
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : ''
}
