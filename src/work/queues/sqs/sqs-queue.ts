/** A queue of an SQS endpoint, AWS's or a compatible one, through AWS's own client. */
import type {
  MessageAttributeValue,
  Message as SdkMessage,
  SendMessageCommandInput,
  SQSClient,
} from '@aws-sdk/client-sqs'
import { type Clock, ErrorCode, messageOf, onAbort, RelayError } from '../../../index.js'
import type {
  MessageAttribute,
  MessageQueue,
  NewMessage,
  QueueCounts,
  ReceivedMessage,
  ReceiveOptions,
} from '../queue.js'
import { type LoadedSqs, loadSqs, placeOfQueue, type SqsClientOptions, type SqsSdk } from './client.js'

const deleteMax = 10
// A call of SQS takes milliseconds; a server that went away without a word must not hold its caller for ever.
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

  async send(outgoing: NewMessage): Promise<string> {
    const command = new this.#sdk.SendMessageCommand(inputOf(this.#url, outgoing))
    try {
      const { MessageId: id = '' } = await this.#client.send(command, { abortSignal: soon() })
      return id
    } catch (error) {
      if (!isOurFault(error)) throw error
      throw new RelayError(ErrorCode.QueueRefused, messageOf(error), { cause: error })
    }
  }

  async receive({ max, waitMs, signal }: ReceiveOptions): Promise<readonly ReceivedMessage[]> {
    if (signal.aborted) return []
    const command = new this.#sdk.ReceiveMessageCommand({
      QueueUrl: this.#url,
      MaxNumberOfMessages: max,
      WaitTimeSeconds: Math.ceil(waitMs / 1000),
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

  async delete(receiptHandles: readonly string[]): Promise<void> {
    for (let at = 0; at < receiptHandles.length; at += deleteMax) {
      const entries = receiptHandles
        .slice(at, at + deleteMax)
        .map((ReceiptHandle, index) => ({ Id: String(index), ReceiptHandle }))
      const command = new this.#sdk.DeleteMessageBatchCommand({ QueueUrl: this.#url, Entries: entries })
      const { Failed: failed = [] } = await this.#client.send(command, { abortSignal: soon() })
      // A receipt that is no longer good is the sender's fault in SQS's eyes: its message comes again.
      const fault = failed.find(({ SenderFault: isOurs }) => isOurs !== true)
      if (fault !== undefined)
        throw new Error(`the queue did not delete a message: ${fault.Message ?? fault.Code}`)
    }
  }

  async changeVisibility(receiptHandle: string, afterMs: number): Promise<void> {
    const command = new this.#sdk.ChangeMessageVisibilityCommand({
      QueueUrl: this.#url,
      ReceiptHandle: receiptHandle,
      VisibilityTimeout: Math.ceil(afterMs / 1000),
    })
    await this.#client.send(command, { abortSignal: soon() }).catch((error: unknown) => {
      if (!staleNames.has(nameOf(error))) throw error
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

  /** The queue's visibility timeout. */
  async visibilityMs(): Promise<number> {
    return Number((await this.#attributes(['VisibilityTimeout'])).VisibilityTimeout) * 1000
  }

  /** Lets go of its connections. */
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
)[]

const staleNames: ReadonlySet<string> = new Set([
  'MessageNotInflight',
  'ReceiptHandleIsInvalid',
  'InvalidParameterValue',
  'AWS.SimpleQueueService.MessageNotInflight',
])

/** The server answered, and blames the request: sending it again would not help. */
function isOurFault(error: unknown): boolean {
  return error instanceof Error && '$fault' in error && error.$fault === 'client'
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : messageOf(error)
}

function soon(): AbortSignal {
  return AbortSignal.timeout(callMsMax)
}

function inputOf(url: string, outgoing: NewMessage): SendMessageCommandInput {
  const { body, group, deduplicationId, delayMs, messageAttributes = {} } = outgoing
  return {
    QueueUrl: url,
    MessageBody: body,
    MessageAttributes: Object.fromEntries(
      Object.entries(messageAttributes).map(([name, value]) => [name, sdkAttribute(value)]),
    ),
    ...(group === undefined ? {} : { MessageGroupId: group }),
    ...(deduplicationId === undefined ? {} : { MessageDeduplicationId: deduplicationId }),
    ...(delayMs === undefined ? {} : { DelaySeconds: Math.ceil(delayMs / 1000) }),
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
