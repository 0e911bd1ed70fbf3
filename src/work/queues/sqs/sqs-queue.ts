/** A queue of an SQS endpoint, AWS's or a compatible one, through AWS's own client. */
import type {
  BatchResultErrorEntry,
  MessageAttributeValue,
  Message as SdkMessage,
  SendMessageCommandInput,
  SQSClient,
} from '@aws-sdk/client-sqs'
import { type Clock, ErrorCode, messageOf, onAbort, RelayError } from '../../../index.js'
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

const batchMax = 10
// A call of SQS takes milliseconds; a server that no longer answers must not block its caller for ever.
const callMsMax = 15_000

/** Options of a queue. */
export interface SqsQueueOptions extends SqsClientOptions {
  readonly clock: Clock
}

/** Opens the queue of a URL; sends nothing. Rejects with RR_AWS_PACKAGE when AWS's client is not installed. */
export async function openSqsQueue(options: SqsQueueOptions): Promise<SqsQueue> {
  return new SqsQueue(await loadSqs(options), options)
}

/** A queue of a server. */
export class SqsQueue implements MessageQueue {
  readonly arn: string
  readonly isFifo: boolean
  readonly #sdk: SqsSdk
  readonly #client: SQSClient
  readonly #url: string
  readonly #clock: Clock

  /** Takes a client that is made already; see `openSqsQueue`. */
  constructor({ sdk, client }: LoadedSqs, { url, clock }: Pick<SqsQueueOptions, 'url' | 'clock'>) {
    const { arn, name } = placeOfQueue(url)
    this.#sdk = sdk
    this.#client = client
    this.#url = url
    this.#clock = clock
    this.arn = arn
    this.isFifo = name.endsWith('.fifo')
  }

  async send(message: NewMessage): Promise<string> {
    if (!isText(message.body))
      throw new RelayError(ErrorCode.QueueRefused, 'SQS takes text, and the body is not UTF-8')
    const command = new this.#sdk.SendMessageCommand(inputOf(this.#url, message))
    try {
      const { MessageId: id = '' } = await this.#client.send(command, { abortSignal: soon() })
      return id
    } catch (error) {
      if (!isOurFault(error)) throw error
      throw new RelayError(ErrorCode.QueueRefused, messageOf(error), { cause: error })
    }
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
    return inBatches(receiptHandles, async (batch) => {
      const entries = batch.map((ReceiptHandle, at) => ({ Id: String(at), ReceiptHandle }))
      const command = new this.#sdk.DeleteMessageBatchCommand({ QueueUrl: this.#url, Entries: entries })
      const { Failed: failed = [] } = await this.#client.send(command, { abortSignal: soon() })
      return failed
    })
  }

  changeVisibility(changes: readonly VisibilityChange[]): Promise<ItemFaults> {
    return inBatches(changes, async (batch) => {
      const entries = batch.map(({ receiptHandle: ReceiptHandle, afterMs }, at) => {
        return { Id: String(at), ReceiptHandle, VisibilityTimeout: secondsOf(afterMs) }
      })
      const input = { QueueUrl: this.#url, Entries: entries }
      const command = new this.#sdk.ChangeMessageVisibilityBatchCommand(input)
      const { Failed: failed = [] } = await this.#client.send(command, { abortSignal: soon() })
      return failed
    })
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

/** Runs a call for each ten items, SQS's limit of a batch. A call that fails is the fault of each of its items. */
async function inBatches<T>(
  items: readonly T[],
  call: (batch: readonly T[]) => Promise<readonly BatchResultErrorEntry[]>,
): Promise<ItemFaults> {
  const faults: (Error | undefined)[] = items.map(() => undefined)
  for (let at = 0; at < items.length; at += batchMax) {
    const batch = items.slice(at, at + batchMax)
    try {
      for (const entry of await call(batch)) faults[at + Number(entry.Id)] = faultOf(entry)
    } catch (error) {
      const fault = error instanceof Error ? error : new Error(messageOf(error))
      faults.fill(fault, at, at + batch.length)
    }
  }
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

function inputOf(url: string, message: NewMessage): SendMessageCommandInput {
  const { body, group, deduplicationId, delayMs, messageAttributes = {} } = message
  return {
    QueueUrl: url,
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
