/**
 * Cuts a record whose line is too long for a collector of logs into numbered records that share an id. A collector cuts wherever
 * its limit falls; what we cut ourselves can be joined to the whole again. Pure.
 */
import { fieldsText, type LogRecord } from './encode.js'

// Time, level, names, ids and the part's own keys.
const frameBytes = 4000
// Escaping makes a character up to six bytes long, in JSON as well as for people.
const bytesPerCharacterMax = 6
/** Keys of a record that every part carries. */
const commonKeys = ['pool', 'pid', 'job', 'requestId', 'tenantId'] as const

/** Options of a cut. */
export interface CutOptions {
  /** Shared by the parts of one record. */
  readonly id: string
  readonly encode: (record: LogRecord) => string
  /** The longest line that goes out whole, in bytes. */
  readonly lineBytesMax: number
}

/**
 * Returns the record itself when its line fits. Else its message in parts; values beside the message that are long themselves come
 * after it, as parts of the JSON text of `fields`.
 */
export function partsOf(record: LogRecord, options: CutOptions): readonly LogRecord[] {
  const { id, encode, lineBytesMax } = options
  const pieceCharacters = Math.floor((lineBytesMax - frameBytes) / bytesPerCharacterMax)
  if (isShort(record, pieceCharacters) || Buffer.byteLength(encode(record)) <= lineBytesMax) return [record]
  const common = Object.fromEntries(commonKeys.map((key) => [key, record.fields[key]]))
  const others = Object.fromEntries(
    Object.entries(record.fields).filter(([key]) => !commonKeys.some((one) => one === key)),
  )
  const { timeMs, level, logger } = record
  // In parts a message is text, whatever it was.
  const own = { timeMs, level, logger }
  const small = { ...own, fields: record.fields, message: record.message.slice(0, pieceCharacters) }
  const fits = Buffer.byteLength(encode(small)) <= lineBytesMax - frameBytes / 2
  const messages = cut(record.message, pieceCharacters)
  const rest =
    fits || Object.keys(others).length === 0 ? [] : cut(`{${fieldsText(others).slice(1)}}`, pieceCharacters)
  const count = messages.length + rest.length
  const part = (at: number) => ({
    ...common,
    partId: id,
    part: at + 1,
    lastPart: at === count - 1 ? true : undefined,
  })
  return [
    ...messages.map((message, at) => ({
      ...own,
      message,
      fields: at === 0 && fits ? { ...others, ...part(at) } : part(at),
    })),
    ...rest.map((fields, at) => ({
      ...own,
      message: '',
      fields: { ...part(messages.length + at), fields },
    })),
  ]
}

/** True for a line of plain values far below the limit, which need not be encoded to be measured. */
function isShort({ message, fields }: LogRecord, charactersMax: number): boolean {
  let characters = message.length
  for (const value of Object.values(fields)) {
    if (typeof value === 'object' && value !== null) return false
    characters += typeof value === 'string' ? value.length : 0
  }
  return characters < charactersMax
}

function cut(text: string, pieceCharacters: number): readonly string[] {
  if (text === '') return ['']
  const pieces: string[] = []
  for (let at = 0; at < text.length; ) {
    let end = Math.min(text.length, at + pieceCharacters)
    // Never between the halves of a character beyond 16 bits.
    const last = text.charCodeAt(end - 1)
    if (end < text.length && last >= 0xd800 && last < 0xdc00) end -= 1
    pieces.push(text.slice(at, end))
    at = end
  }
  return pieces
}
