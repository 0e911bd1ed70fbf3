/** A queue of an SQS endpoint, AWS's or a compatible one, through AWS's own client. */
import type {
  BatchResultErrorEntry,
  MessageAttributeValue,
  Message as SdkMessage,
  SendMessageCommandInput,
  SQSClient,
} from '@aws-sdk/client-sqs'
import { type Clock, ErrorCode, messageOf, onAbort, RelayError } from '../../../index.js'
import { CallBatches } from '../call-batches.js'
import { LostMessage } from '../lost-message.js'
import type {
  ItemFaults,
  MessageAttribute,
  MessageQueue,
  NewMessage,
  QueueCounts,
  QueueProperties,
  ReceivedMessage,
  ReceiveOptions,
  VisibilityChange,
} from '../message-queue.js'
import { bodyText, isText } from '../text.js'
import { type LoadedSqs, loadSqs, placeOfQueue, type SqsClientOptions, type SqsSdk } from './client.js'
import { type NamedQueue, urlOfNamed } from './named-queue.js'

const batchMax = 10
// The limit of a batch in servers that follow SQS before it took 1 MB.
const batchBytesMax = 256_000
// A call of SQS takes milliseconds; a server that no longer answers must not block its caller for ever.
const callMsMax = 15_000

/** Options of a queue. */
export interface SqsQueueOptions extends SqsClientOptions {
  readonly url: string
  readonly clock: Clock
}

/** Opens the queue of a URL; sends nothing. Rejects with RR_AWS_PACKAGE when AWS's client is not installed. */
export async function openSqsQueue(options: SqsQueueOptions): Promise<SqsQueue> {
  return new SqsQueue(await loadSqs(options), options)
}

/** Opens a queue by its name, and creates it where it is not there. Rejects as `urlOfNamed` does, too. */
export async function openNamedSqsQueue(
  options: SqsClientOptions & { readonly clock: Clock },
  named: NamedQueue,
): Promise<SqsQueue> {
  const loaded = await loadSqs(options)
  try {
    return new SqsQueue(loaded, { url: await urlOfNamed(loaded, named), clock: options.clock })
  } catch (error) {
    loaded.client.destroy()
    throw error
  }
}

/** A queue of a server. */
export class SqsQueue implements MessageQueue {
  readonly arn: string
  readonly isFifo: boolean
  readonly #sdk: SqsSdk
  readonly #client: SQSClient
  readonly #url: string
  readonly #clock: Clock
  readonly #sends: CallBatches<NewMessage, string | Error>
  readonly #deletes: CallBatches<string, Error | undefined>
  readonly #changes: CallBatches<VisibilityChange, Error | undefined>

  /** Takes a client that is made already; see `openSqsQueue`. */
  constructor({ sdk, client }: LoadedSqs, { url, clock }: Pick<SqsQueueOptions, 'url' | 'clock'>) {
    const { arn, name } = placeOfQueue(url)
    this.#sdk = sdk
    this.#client = client
    this.#url = url
    this.#clock = clock
    this.arn = arn
    this.isFifo = name.endsWith('.fifo')
    this.#sends = new CallBatches({
      call: (batch) => this.#sendBatch(batch),
      countMax: batchMax,
      bytesOf: bytesOfMessage,
      bytesMax: batchBytesMax,
      isOrdered: this.isFifo,
    })
    this.#deletes = new CallBatches({ call: (batch) => this.#deleteBatch(batch), countMax: batchMax })
    this.#changes = new CallBatches({ call: (batch) => this.#changeBatch(batch), countMax: batchMax })
  }

  async send(message: NewMessage): Promise<string> {
    if (!isText(message.body))
      throw new RelayError(ErrorCode.QueueRefused, 'SQS takes text, and the body is not UTF-8')
    const sent = await this.#sends.add(message)
    if (typeof sent === 'string') return sent
    throw sent
  }

  async receive({ max, waitMs, visibilityMs, signal }: ReceiveOptions): Promise<readonly ReceivedMessage[]> {
    if (signal.aborted) return []
    const command = new this.#sdk.ReceiveMessageCommand({
      QueueUrl: this.#url,
      MaxNumberOfMessages: max,
      WaitTimeSeconds: secondsOf(waitMs),
      ...(visibilityMs === undefined ? {} : { VisibilityTimeout: secondsOf(visibilityMs) }),
      MessageSystemAttributeNames: ['All'],
      MessageAttributeNames: ['All'],
    })
    const end = new AbortController()
    const abort = () => end.abort()
    const timer = this.#clock.timer(waitMs + callMsMax, abort)
    const stopListening = onAbort(signal, abort)
    try {
      const { Messages: messages = [] } = await this.#client.send(command, { abortSignal: end.signal })
      return messages.map(receivedOf)
    } catch (error) {
      if (signal.aborted) return []
      throw error
    } finally {
      timer.clear()
      stopListening()
    }
  }

  delete(receiptHandles: readonly string[]): Promise<ItemFaults> {
    return each(receiptHandles, this.#deletes)
  }

  changeVisibility(changes: readonly VisibilityChange[]): Promise<ItemFaults> {
    return each(changes, this.#changes)
  }

  async counts(): Promise<QueueCounts> {
    const attributes = await this.#attributes([
      'ApproximateNumberOfMessages',
      'ApproximateNumberOfMessagesNotVisible',
      'ApproximateNumberOfMessagesDelayed',
    ])
    const count = (name: string) => Number(attributes[name] ?? 0)
    return {
      visible: count('ApproximateNumberOfMessages'),
      inFlight: count('ApproximateNumberOfMessagesNotVisible'),
      delayed: count('ApproximateNumberOfMessagesDelayed'),
    }
  }

  async properties(): Promise<QueueProperties> {
    const attributes = await this.#attributes(['VisibilityTimeout', 'RedrivePolicy'])
    const { VisibilityTimeout: seconds, RedrivePolicy: policy } = attributes
    return { visibilityMs: Number(seconds) * 1000, hasDeadLetters: policy !== undefined && policy !== '' }
  }

  close(): void {
    this.#client.destroy()
  }

  /** Sends one alone by the call for one: servers say more clearly why they refuse it. */
  async #sendBatch(batch: readonly NewMessage[]): Promise<readonly (string | Error)[]> {
    const [first] = batch
    if (batch.length === 1 && first !== undefined) return [await this.#sendOne(first)]
    const entries = batch.map((message, at) => ({ Id: String(at), ...entryOf(message) }))
    const command = new this.#sdk.SendMessageBatchCommand({ QueueUrl: this.#url, Entries: entries })
    const { Successful: taken = [], Failed: failed = [] } = await this.#client.send(command, {
      abortSignal: soon(),
    })
    const answers: (string | Error)[] = batch.map(
      () => new Error('the server did not say what became of the message'),
    )
    for (const { Id: id, MessageId: messageId = '' } of taken) answers[Number(id)] = messageId
    for (const { Id: id, Message: message, Code: code, SenderFault: isOurs } of failed)
      answers[Number(id)] =
        isOurs === true
          ? new RelayError(ErrorCode.QueueRefused, message ?? code ?? '')
          : new Error(message ?? code)
    return answers
  }

  async #sendOne(message: NewMessage): Promise<string | Error> {
    const command = new this.#sdk.SendMessageCommand({ QueueUrl: this.#url, ...entryOf(message) })
    try {
      const { MessageId: id = '' } = await this.#client.send(command, { abortSignal: soon() })
      return id
    } catch (error) {
      if (!isOurFault(error)) throw error
      return new RelayError(ErrorCode.QueueRefused, messageOf(error), { cause: error })
    }
  }

  async #deleteBatch(batch: readonly string[]): Promise<ItemFaults> {
    const entries = batch.map((ReceiptHandle, at) => ({ Id: String(at), ReceiptHandle }))
    const command = new this.#sdk.DeleteMessageBatchCommand({ QueueUrl: this.#url, Entries: entries })
    const { Failed: failed = [] } = await this.#client.send(command, { abortSignal: soon() })
    return faultsOf(batch.length, failed)
  }

  async #changeBatch(batch: readonly VisibilityChange[]): Promise<ItemFaults> {
    const entries = batch.map(({ receiptHandle: ReceiptHandle, afterMs }, at) => {
      return { Id: String(at), ReceiptHandle, VisibilityTimeout: secondsOf(afterMs) }
    })
    const input = { QueueUrl: this.#url, Entries: entries }
    const command = new this.#sdk.ChangeMessageVisibilityBatchCommand(input)
    const { Failed: failed = [] } = await this.#client.send(command, { abortSignal: soon() })
    return faultsOf(batch.length, failed)
  }

  async #attributes(names: AttributeNames): Promise<Partial<Record<string, string>>> {
    const command = new this.#sdk.GetQueueAttributesCommand({ QueueUrl: this.#url, AttributeNames: names })
    const { Attributes: attributes = {} } = await this.#client.send(command, { abortSignal: soon() })
    return attributes
  }
}

type AttributeNames = (
  | 'ApproximateNumberOfMessages'
  | 'ApproximateNumberOfMessagesNotVisible'
  | 'ApproximateNumberOfMessagesDelayed'
  | 'VisibilityTimeout'
  | 'RedrivePolicy'
)[]

/** Adds each item to its batches. A call that fails is the fault of each of its items. */
function each<T>(items: readonly T[], batches: CallBatches<T, Error | undefined>): Promise<ItemFaults> {
  const asFault = (error: unknown) => (error instanceof Error ? error : new Error(messageOf(error)))
  return Promise.all(items.map((item) => batches.add(item).catch(asFault)))
}

function faultsOf(count: number, failed: readonly BatchResultErrorEntry[]): ItemFaults {
  const faults: (Error | undefined)[] = Array.from({ length: count })
  for (const entry of failed) faults[Number(entry.Id)] = faultOf(entry)
  return faults
}

/** Makes the fault of an entry; SQS reports a stale receipt as a fault of the sender. */
function faultOf({ Message: message, Code: code, SenderFault: isOurs }: BatchResultErrorEntry): Error {
  return isOurs === true ? new LostMessage(message ?? code) : new Error(message ?? code)
}

function secondsOf(ms: number): number {
  return Math.ceil(ms / 1000)
}

/** True when the server refused the request as wrong: sending it again would not help. */
function isOurFault(error: unknown): boolean {
  return error instanceof Error && '$fault' in error && error.$fault === 'client'
}

function soon(): AbortSignal {
  return AbortSignal.timeout(callMsMax)
}

function bytesOfMessage({ body, messageAttributes = {} }: NewMessage): number {
  return Object.entries(messageAttributes).reduce(
    (sum, [name, { dataType, stringValue = '', binaryValue = '' }]) =>
      sum + name.length + dataType.length + Buffer.byteLength(stringValue) + binaryValue.length,
    Buffer.byteLength(body),
  )
}

function entryOf(message: NewMessage): Omit<SendMessageCommandInput, 'QueueUrl'> {
  const { body, group, deduplicationId, delayMs, messageAttributes = {} } = message
  return {
    MessageBody: bodyText(body),
    MessageAttributes: Object.fromEntries(
      Object.entries(messageAttributes).map(([name, value]) => [name, sdkAttribute(value)]),
    ),
    ...(group === undefined ? {} : { MessageGroupId: group }),
    ...(deduplicationId === undefined ? {} : { MessageDeduplicationId: deduplicationId }),
    ...(delayMs === undefined ? {} : { DelaySeconds: secondsOf(delayMs) }),
  }
}

function sdkAttribute({ dataType, stringValue, binaryValue }: MessageAttribute): MessageAttributeValue {
  return {
    DataType: dataType,
    StringValue: stringValue,
    BinaryValue: binaryValue === undefined ? undefined : Buffer.from(binaryValue, 'base64'),
  }
}

function receivedOf(message: SdkMessage): ReceivedMessage {
  return {
    messageId: message.MessageId ?? '',
    receiptHandle: message.ReceiptHandle ?? '',
    body: message.Body ?? '',
    md5OfBody: message.MD5OfBody ?? '',
    attributes: Object.fromEntries(Object.entries(message.Attributes ?? {})),
    messageAttributes: Object.fromEntries(
      Object.entries(message.MessageAttributes ?? {}).map(([name, value]) => [name, attributeOf(value)]),
    ),
  }
}

function attributeOf({ DataType, StringValue, BinaryValue }: MessageAttributeValue): MessageAttribute {
  return {
    dataType: DataType ?? 'String',
    ...(StringValue === undefined ? {} : { stringValue: StringValue }),
    ...(BinaryValue === undefined ? {} : { binaryValue: Buffer.from(BinaryValue).toString('base64') }),
  }
}
