/** Actions of SQS's API over the queues in memory. Checks their input; `sqs-endpoint.ts` speaks HTTP. */
import { createHash } from 'node:crypto'
import { ErrorCode, hasCode, messageOf, objectOf } from '../../../index.js'
import type { MemoryQueue } from '../../../work/queues/memory/memory-queue.js'
import type { MessageAttribute, NewMessage, ReceivedMessage } from '../../../work/queues/message-queue.js'
import { bodyText } from '../../../work/queues/text.js'

/** Body of a request. */
export type Input = Readonly<Record<string, unknown>>

/** A refusal with SQS's error type. */
export class SqsRefusal extends Error {
  /** E.g. `QueueDoesNotExist`. */
  readonly type: string

  constructor(type: string, message: string) {
    super(message)
    this.type = type
  }
}

/** Queues and address that the actions need. */
export interface Actions {
  readonly queues: readonly MemoryQueue[]
  /** `host:port` of the endpoint, for the URLs of queues. */
  readonly address: () => string
}

type Action = (input: Input, actions: Actions, signal: AbortSignal) => object | Promise<object>

const batchMax = 10
const pollSecondsMax = 20
const visibilitySecondsMax = 43_200

/** Runs an action; `signal` aborts when the caller has gone. Rejects with `SqsRefusal`. */
export async function runAction(
  name: string,
  input: Input,
  actions: Actions,
  signal: AbortSignal,
): Promise<object> {
  const action = table.get(name)
  if (action === undefined) throw new SqsRefusal('UnsupportedOperation', `${name} is not built here`)
  return action(input, actions, signal)
}

const table = new Map<string, Action>([
  ['ListQueues', (_input, actions) => ({ QueueUrls: actions.queues.map((queue) => urlOf(queue, actions)) })],
  [
    'GetQueueUrl',
    (input, actions) => ({ QueueUrl: urlOf(byName(textOf(input, 'QueueName'), actions), actions) }),
  ],
  ['GetQueueAttributes', async (input, actions) => ({ Attributes: await attributes(input, actions) })],
  ['SendMessage', (input, actions) => send(input, queueOf(input, actions))],
  ['SendMessageBatch', sendBatch],
  ['ReceiveMessage', receive],
  ['DeleteMessage', deleteOne],
  ['DeleteMessageBatch', deleteBatch],
  ['ChangeMessageVisibility', changeVisibility],
  ['ChangeMessageVisibilityBatch', changeVisibilityBatch],
  ['PurgeQueue', purge],
])

function urlOf(queue: MemoryQueue, { address }: Actions): string {
  return `http://${address()}/${queue.arn.split(':')[4]}/${queue.name}`
}

function byName(name: string, { queues }: Actions): MemoryQueue {
  const queue = queues.find((one) => one.name === name)
  if (queue !== undefined) return queue
  const names = queues.map((one) => one.name).join(', ')
  throw new SqsRefusal('QueueDoesNotExist', `there is no queue ${name} here, only ${names}`)
}

function queueOf(input: Input, actions: Actions): MemoryQueue {
  return byName(textOf(input, 'QueueUrl').split('/').at(-1) ?? '', actions)
}

async function attributes(input: Input, actions: Actions): Promise<Record<string, string>> {
  const queue = queueOf(input, actions)
  const { visible, inFlight, delayed } = await queue.counts()
  const all: Record<string, string> = {
    QueueArn: queue.arn,
    ApproximateNumberOfMessages: String(visible),
    ApproximateNumberOfMessagesNotVisible: String(inFlight),
    ApproximateNumberOfMessagesDelayed: String(delayed),
    VisibilityTimeout: String(Math.round((await queue.properties()).visibilityMs / 1000)),
    ...(queue.redrive === undefined ? {} : { RedrivePolicy: JSON.stringify(queue.redrive) }),
    ...(queue.isFifo ? { FifoQueue: 'true', ContentBasedDeduplication: 'true' } : {}),
  }
  const names = namesOf(input, 'AttributeNames')
  if (names.includes('All')) return all
  return Object.fromEntries(Object.entries(all).filter(([name]) => names.includes(name)))
}

async function send(input: Input, queue: MemoryQueue): Promise<object> {
  const message = newMessageOf(input)
  const { body, messageAttributes = {} } = message
  const id = await queue.send(message).catch((error: unknown) => {
    if (!hasCode(error, ErrorCode.QueueRefused)) throw error
    throw new SqsRefusal('InvalidParameterValue', messageOf(error))
  })
  const md5 = md5OfAttributes(messageAttributes)
  return {
    MessageId: id,
    MD5OfMessageBody: createHash('md5').update(body).digest('hex'),
    ...(md5 === undefined ? {} : { MD5OfMessageAttributes: md5 }),
  }
}

async function sendBatch(input: Input, actions: Actions): Promise<object> {
  const queue = queueOf(input, actions)
  return eachEntry(input, (entry) => send(entry, queue))
}

/** Runs the entries one by one, in order; each fails alone. */
async function eachEntry(input: Input, run: (entry: Input) => Promise<object>): Promise<object> {
  const entries = listOf(input, 'Entries').map(objectOf)
  const ids = entries.map((entry) => textOf(entry, 'Id'))
  if (entries.length === 0) throw new SqsRefusal('EmptyBatchRequest', 'a batch has at least one entry')
  if (entries.length > batchMax)
    throw new SqsRefusal('TooManyEntriesInBatchRequest', `a batch has at most ${batchMax} entries`)
  if (new Set(ids).size < ids.length)
    throw new SqsRefusal('BatchEntryIdsNotDistinct', 'two entries of the batch have one id')
  const [good, bad]: [object[], object[]] = [[], []]
  for (const [at, entry] of entries.entries()) {
    try {
      good.push({ Id: ids[at], ...(await run(entry)) })
    } catch (error) {
      if (!(error instanceof SqsRefusal)) throw error
      bad.push({ Id: ids[at], SenderFault: true, Code: error.type, Message: error.message })
    }
  }
  return { Successful: good, Failed: bad }
}

async function receive(input: Input, actions: Actions, signal: AbortSignal): Promise<object> {
  const queue = queueOf(input, actions)
  const max = numberOf(input, 'MaxNumberOfMessages', 1, { from: 1, to: batchMax })
  const waitSeconds = numberOf(input, 'WaitTimeSeconds', 0, { from: 0, to: pollSecondsMax })
  const seconds = numberOf(input, 'VisibilityTimeout', -1, { from: 0, to: visibilitySecondsMax })
  const visibilityMs = seconds < 0 ? undefined : seconds * 1000
  const messages = await queue.receive({ max, waitMs: waitSeconds * 1000, visibilityMs, signal })
  if (messages.length === 0) return {}
  const system = [...namesOf(input, 'AttributeNames'), ...namesOf(input, 'MessageSystemAttributeNames')]
  const own = namesOf(input, 'MessageAttributeNames')
  return { Messages: messages.map((message) => messageOfReceived(message, system, own)) }
}

async function deleteOne(input: Input, actions: Actions): Promise<object> {
  await queueOf(input, actions).delete([textOf(input, 'ReceiptHandle')])
  return {}
}

async function deleteBatch(input: Input, actions: Actions): Promise<object> {
  const queue = queueOf(input, actions)
  return eachEntry(input, async (entry) => {
    await queue.delete([textOf(entry, 'ReceiptHandle')])
    return {}
  })
}

async function changeVisibility(input: Input, actions: Actions): Promise<object> {
  return changeOne(input, queueOf(input, actions))
}

async function changeVisibilityBatch(input: Input, actions: Actions): Promise<object> {
  const queue = queueOf(input, actions)
  return eachEntry(input, (entry) => changeOne(entry, queue))
}

async function changeOne(input: Input, queue: MemoryQueue): Promise<object> {
  const receiptHandle = textOf(input, 'ReceiptHandle')
  const seconds = numberOf(input, 'VisibilityTimeout', -1, { from: 0, to: visibilitySecondsMax })
  if (seconds < 0) throw new SqsRefusal('MissingParameter', 'the request has no VisibilityTimeout')
  const [fault] = await queue.changeVisibility([{ receiptHandle, afterMs: seconds * 1000 }])
  if (fault !== undefined) throw new SqsRefusal('MessageNotInflight', 'the message is not in flight')
  return {}
}

function purge(input: Input, actions: Actions): object {
  queueOf(input, actions).purge()
  return {}
}

function newMessageOf(input: Input): NewMessage {
  const optional = (key: string) => (input[key] === undefined ? undefined : textOf(input, key))
  const group = optional('MessageGroupId')
  const deduplicationId = optional('MessageDeduplicationId')
  const delaySeconds = numberOf(input, 'DelaySeconds', 0, { from: 0, to: 900 })
  return {
    body: textOf(input, 'MessageBody'),
    messageAttributes: Object.fromEntries(
      Object.entries(objectOf(input.MessageAttributes)).map(([name, value]) => [name, attributeOf(value)]),
    ),
    ...(group === undefined ? {} : { group }),
    ...(deduplicationId === undefined ? {} : { deduplicationId }),
    ...(delaySeconds === 0 ? {} : { delayMs: delaySeconds * 1000 }),
  }
}

function attributeOf(value: unknown): MessageAttribute {
  const given = objectOf(value)
  const { StringValue: stringValue, BinaryValue: binaryValue } = given
  return {
    dataType: textOf(given, 'DataType'),
    ...(typeof stringValue === 'string' ? { stringValue } : {}),
    ...(typeof binaryValue === 'string' ? { binaryValue } : {}),
  }
}

function messageOfReceived(
  message: ReceivedMessage,
  system: readonly string[],
  own: readonly string[],
): object {
  const { attributes: all, messageAttributes } = message
  const picked = pick(all, (name) => system.includes('All') || system.includes(name))
  const wanted = pick(messageAttributes, (name) => own.some((one) => isAsked(one, name)))
  const md5 = md5OfAttributes(wanted)
  return {
    MessageId: message.messageId,
    ReceiptHandle: message.receiptHandle,
    Body: bodyText(message.body),
    MD5OfBody: message.md5OfBody,
    ...(Object.keys(picked).length === 0 ? {} : { Attributes: picked }),
    ...(md5 === undefined
      ? {}
      : {
          MD5OfMessageAttributes: md5,
          MessageAttributes: Object.fromEntries(
            Object.entries(wanted).map(([name, { dataType, stringValue, binaryValue }]) => [
              name,
              { DataType: dataType, StringValue: stringValue, BinaryValue: binaryValue },
            ]),
          ),
        }),
  }
}

function isAsked(asked: string, name: string): boolean {
  if (asked === 'All' || asked === '.*') return true
  return asked.endsWith('.*') ? name.startsWith(asked.slice(0, -1)) : asked === name
}

function pick<T>(
  values: Readonly<Record<string, T>>,
  isWanted: (name: string) => boolean,
): Record<string, T> {
  return Object.fromEntries(Object.entries(values).filter(([name]) => isWanted(name)))
}

/** SQS's own digest, which some clients compare: names in order, each with its type and its value behind their lengths. */
function md5OfAttributes(all: Readonly<Record<string, MessageAttribute>>): string | undefined {
  const names = Object.keys(all).sort()
  if (names.length === 0) return undefined
  const hash = createHash('md5')
  const add = (bytes: Buffer) => {
    const length = Buffer.alloc(4)
    length.writeUInt32BE(bytes.length)
    hash.update(length).update(bytes)
  }
  for (const name of names) {
    const { dataType = '', stringValue, binaryValue = '' } = all[name] ?? {}
    add(Buffer.from(name))
    add(Buffer.from(dataType))
    hash.update(Buffer.from([stringValue === undefined ? 2 : 1]))
    add(stringValue === undefined ? Buffer.from(binaryValue, 'base64') : Buffer.from(stringValue))
  }
  return hash.digest('hex')
}

function listOf(input: Input, key: string): readonly unknown[] {
  const value = input[key]
  return Array.isArray(value) ? value : []
}

function namesOf(input: Input, key: string): readonly string[] {
  return listOf(input, key).map(String)
}

function textOf(input: Input, key: string): string {
  const value = input[key]
  if (typeof value === 'string') return value
  throw new SqsRefusal('MissingParameter', `the request has no ${key}`)
}

function numberOf(
  input: Input,
  key: string,
  fallback: number,
  { from, to }: { readonly from: number; readonly to: number },
): number {
  const value = input[key]
  if (value === undefined || value === null) return fallback
  if (typeof value === 'number' && Number.isInteger(value) && value >= from && value <= to) return value
  throw new SqsRefusal('InvalidParameterValue', `${key} is ${from} to ${to}, not ${JSON.stringify(value)}`)
}
