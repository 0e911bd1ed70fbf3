/** Limits of SQS that the queues in memory enforce, so that a message which AWS would refuse is refused here. Pure. */
import type { MessageAttribute, NewMessage } from '../../../work/queues/message-queue.js'
import { bodyText, isText } from '../../../work/queues/text.js'

/** SQS's limit, attributes included. */
const messageBytesMax = 1024 * 1024
/** SQS's longest delay: 15 minutes. */
const delayMsMax = 900_000
const attributesMax = 10

// What XML 1.0 allows, which SQS's first protocol was made of.
const forbidden = /[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/u
const idPattern = /^[!-~]{1,128}$/

/** Returns why SQS would refuse a message; undefined when it takes the message. */
export function problemOfMessage(message: NewMessage, isFifo: boolean): string | undefined {
  const { body, group, deduplicationId, delayMs = 0, messageAttributes = {} } = message
  const bytes = bytesOf(message)
  if (body.length === 0) return 'a message has a body, this one is empty'
  if (bytes > messageBytesMax)
    return `a message has at most ${messageBytesMax} bytes with its attributes, not ${bytes}`
  if (!isText(body) || forbidden.test(bodyText(body)))
    return 'a message is text, and this one holds a character that SQS does not take'
  if (Object.keys(messageAttributes).length > attributesMax)
    return `a message has at most ${attributesMax} attributes`
  for (const id of [group, deduplicationId])
    if (id !== undefined && !idPattern.test(id))
      return `${JSON.stringify(id.slice(0, 140))} is not an id: 1 to 128 letters, digits and punctuation`
  if (isFifo && group === undefined) return 'a FIFO queue needs a group with each message'
  if (isFifo && delayMs > 0) return 'a FIFO queue takes no delay with a message'
  if (!isFifo && deduplicationId !== undefined) return 'only FIFO queues deduplicate'
  if (delayMs < 0 || delayMs > delayMsMax) return `a delay is at most ${delayMsMax / 1000} s`
  return undefined
}

function bytesOf({ body, messageAttributes = {} }: NewMessage): number {
  let bytes = Buffer.byteLength(body)
  for (const [name, attribute] of Object.entries(messageAttributes))
    bytes += Buffer.byteLength(name) + Buffer.byteLength(attribute.dataType) + valueBytes(attribute)
  return bytes
}

function valueBytes({ stringValue = '', binaryValue = '' }: MessageAttribute): number {
  return Buffer.byteLength(stringValue) + Buffer.byteLength(binaryValue, 'base64')
}
