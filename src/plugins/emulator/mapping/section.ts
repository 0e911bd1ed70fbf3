/** The keys below `emulator.sqs`, and the combinations for which AWS would refuse the mapping. Pure. */
import type { ConfigOf, Properties, SectionFault } from '../../../index.js'

/** The keys. */
export const sqsProperties = {
  queue: {
    type: 'string',
    pattern: '^([A-Za-z0-9_-]{1,70}([.]fifo)?|https?://[^/]+/.*[^/])$',
    patternText: 'a name such as orders or orders.fifo, or the URL of a queue',
    description:
      'The queue that feeds the function. A name is a queue in memory, with a dead-letter queue `NAME-dead`; a URL is polled with AWS’s client. Empty: no queue.',
  },
  batch_size: {
    type: 'integer',
    minimum: 1,
    maximum: 10_000,
    default: 10,
    description: 'Most messages per batch. FIFO: up to 10. More than 10 need a window of 1s.',
  },
  batch_window: {
    type: 'string',
    format: 'duration',
    zero: 'allowed',
    default: '0s',
    description: 'How long a batch is collected at most, up to 5m; with 0s it is sent at once. Not for FIFO.',
  },
  visibility_timeout: {
    type: 'string',
    format: 'duration',
    description:
      'How long a delivered message stays hidden, for a queue in memory. Default: six times `emulator.timeout`.',
  },
  retry_after: {
    type: 'string',
    format: 'duration',
    zero: 'allowed',
    description:
      'How long a message that failed stays hidden, for a queue in memory. Default: 5s under `rr dev`; else until its visibility timeout ends, as on AWS.',
  },
  max_receive_count: {
    type: 'integer',
    minimum: 0,
    maximum: 1000,
    description:
      'Deliveries after which a message goes to the dead-letter queue, for a queue in memory. Default: 5. 0 means never.',
  },
  report_batch_item_failures: {
    type: 'boolean',
    default: true,
    description:
      'The mapping’s ReportBatchItemFailures. Off: the list in an answer is ignored, as on AWS; set `lambda.partial_failures` to the same value.',
  },
  concurrency: {
    type: 'integer',
    minimum: 1,
    maximum: 1000,
    default: 1,
    description: 'Batches that the function processes at once.',
  },
} as const satisfies Properties

/** The validated keys. */
export type SqsSettings = ConfigOf<typeof sqsProperties>

const fifoBatchMax = 10
const windowMsMax = 300_000
const visibilityMsMax = 12 * 3_600_000
/** A queue in memory hides a message for so many times the function's time-out. */
export const visibilityFactor = 6

/** Faults for which AWS would refuse the mapping, each with its key. */
export function sqsFaults(sqs: SqsSettings, timeoutMs: number): readonly SectionFault[] {
  const { queue } = sqs
  const isFifo = queue?.endsWith('.fifo') === true
  return [
    ...batchFaults(sqs, isFifo),
    ...visibilityFaults(sqs, timeoutMs),
    ...(isUrl(queue) ? urlFaults(sqs) : []),
  ]
}

/** True for a queue of a server, which is named by its URL. */
export function isUrl(queue: string | undefined): queue is string {
  return queue?.includes('://') === true
}

function batchFaults({ batch_size, batch_window }: SqsSettings, isFifo: boolean): SectionFault[] {
  if (isFifo && batch_size > fifoBatchMax)
    return [
      {
        key: 'sqs.batch_size',
        what: `a batch of a FIFO queue has at most ${fifoBatchMax} messages, not ${batch_size}`,
        hint: 'use 10, or a standard queue',
      },
    ]
  if (isFifo && batch_window > 0)
    return [
      { key: 'sqs.batch_window', what: 'a FIFO queue has no batch window', hint: 'leave it out, or use 0s' },
    ]
  if (batch_window > windowMsMax)
    return [
      {
        key: 'sqs.batch_window',
        what: `a window is at most 5m, not ${batch_window / 1000}s`,
        hint: 'use 5m or less',
      },
    ]
  if (batch_size > fifoBatchMax && batch_window < 1000)
    return [
      {
        key: 'sqs.batch_size',
        what: `a batch of ${batch_size} needs a window of at least 1s`,
        hint: 'set emulator.sqs.batch_window: 1s, or use at most 10',
      },
    ]
  return []
}

function visibilityFaults({ visibility_timeout: givenMs }: SqsSettings, timeoutMs: number): SectionFault[] {
  if (givenMs === undefined) return []
  const key = 'sqs.visibility_timeout'
  if (givenMs > visibilityMsMax)
    return [{ key, what: `messages are hidden for at most 12h, not ${givenMs / 1000}s`, hint: 'use less' }]
  if (givenMs < timeoutMs) {
    const what = `queue visibility timeout ${givenMs / 1000}s is less than function timeout ${timeoutMs / 1000}s`
    return [{ key, what, hint: 'AWS recommends six times emulator.timeout, which is the default' }]
  }
  return []
}

/** Finds settings that a queue with a URL has on its server. */
function urlFaults({ visibility_timeout, retry_after, max_receive_count }: SqsSettings): SectionFault[] {
  const own = [
    ['sqs.visibility_timeout', visibility_timeout, 'its VisibilityTimeout'],
    ['sqs.retry_after', retry_after, 'its VisibilityTimeout'],
    ['sqs.max_receive_count', max_receive_count, 'its RedrivePolicy'],
  ] as const
  return own.flatMap(([key, value, attribute]) =>
    value === undefined
      ? []
      : [
          {
            key,
            what: 'has no effect on the queue of a URL',
            hint: `leave it out: ${attribute} is set where the queue is`,
          },
        ],
  )
}
