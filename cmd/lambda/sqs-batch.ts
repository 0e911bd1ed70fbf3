/** Makes an SQS event from a template, as an event-source mapping would send it. */
import { createHash, randomUUID } from 'node:crypto'

const region = 'us-east-1'
const account = '123456789012'
const groups = 3
const firstSequence = 18_849_496_460_467_696_000n

/**
 * Makes a batch. `body` is the body of every record; `template` is the same with the record's number for `{n}`. The default
 * is `{"n":1}`, `{"n":2}` … A FIFO batch has three groups.
 */
export function sqsBatch(options: {
  readonly count: number
  readonly isFifo: boolean
  readonly body?: string | undefined
  readonly template?: string | undefined
}) {
  const { count, isFifo, body, template = '{"n":{n}}' } = options
  const sentAt = Date.now()
  // The last digits are the record's number. The first ones differ with each batch: a server remembers by its id which record killed workers.
  const batch = randomUUID().slice(0, 8)
  return {
    Records: Array.from({ length: count }, (_, at) => {
      const text = body ?? template.replaceAll('{n}', String(at + 1))
      return {
        messageId: `${batch}-0000-4000-8000-${String(at + 1).padStart(12, '0')}`,
        receiptHandle: `AQEB${Buffer.from(randomUUID()).toString('base64')}`,
        body: text,
        attributes: {
          ApproximateReceiveCount: '1',
          SentTimestamp: String(sentAt),
          SenderId: 'AIDAEXAMPLE',
          ApproximateFirstReceiveTimestamp: String(sentAt + 1),
          ...(isFifo ? fifoAttributes(at, text) : {}),
        },
        messageAttributes: {},
        md5OfBody: createHash('md5').update(text).digest('hex'),
        eventSource: 'aws:sqs',
        eventSourceARN: `arn:aws:sqs:${region}:${account}:queue${isFifo ? '.fifo' : ''}`,
        awsRegion: region,
      }
    }),
  }
}

function fifoAttributes(at: number, text: string) {
  return {
    MessageGroupId: `group-${(at % groups) + 1}`,
    MessageDeduplicationId: createHash('sha256').update(`${at}${text}`).digest('hex'),
    SequenceNumber: String(firstSequence + BigInt(at)),
  }
}
