/**
 * Reads the head of a plain request: HTTP/1.1, a path as target, fields of visible ASCII, at most a short `Content-Length`. All else is
 * told apart and left to node:http, so nothing that is hard to get right is decided here: chunks, folded lines, `Expect`, `Upgrade`, odd bytes,
 * repeated fields. Without I/O; the head is a set of offsets into the bytes that came.
 */
import { METHODS } from 'node:http'

/** Result of reading. `other`: not a plain request, or not one that is sure to be. */
export type PlainVerdict = 'plain' | 'more' | 'other'

/** The longest head that is read here. */
export const plainHeadBytesMax = 16 * 1024
/** The longest body that is read here. */
const plainBodyBytesMax = 64 * 1024
const fieldsMax = 64

const tokenBit = 1
const valueBit = 2
const targetBit = 4
const hostBit = 8
/** Classes of bytes. */
const classes = new Uint8Array(256)
for (let byte = 0x21; byte < 0x7f; byte += 1) {
  const letter = String.fromCharCode(byte)
  let bits = valueBit
  if (/[!#$%&'*+.^_`|~0-9A-Za-z-]/.test(letter)) bits |= tokenBit
  if (letter !== '#') bits |= targetBit
  if (/[\w.~:[\]-]/.test(letter)) bits |= hostBit
  classes[byte] = bits
}
classes[0x20] = valueBit
classes[0x09] = valueBit

/** Bytes in lower case; others than letters as they are. */
const lower = new Uint8Array(256)
for (let byte = 0; byte < 256; byte += 1) lower[byte] = byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte

const [tab, lf, cr, space, slash, question, colon] = [0x09, 0x0a, 0x0d, 0x20, 0x2f, 0x3f, 0x3a]
const version = Buffer.from('HTTP/1.1\r\n')

/** Names that decide what a request is. */
const special = {
  connection: Buffer.from('connection'),
  contentLength: Buffer.from('content-length'),
  contentType: Buffer.from('content-type'),
  cookie: Buffer.from('cookie'),
  expect: Buffer.from('expect'),
  host: Buffer.from('host'),
  http2Settings: Buffer.from('http2-settings'),
  te: Buffer.from('te'),
  trailer: Buffer.from('trailer'),
  transferEncoding: Buffer.from('transfer-encoding'),
  upgrade: Buffer.from('upgrade'),
} as const
const keepAlive = Buffer.from('keep-alive')
const close = Buffer.from('close')

/** Offsets of one head; an object is read into again and again. All offsets are valid after `plain` only. */
export class PlainHead {
  /** Offset behind the head. */
  end = 0
  methodStart = 0
  methodEnd = 0
  targetStart = 0
  targetEnd = 0
  /** Offset of the question mark, or of the target's end. */
  queryAt = 0
  hostStart = 0
  hostEnd = 0
  /** Field of the cookies; -1 without one. */
  cookieField = -1
  bodyBytes = 0
  isLast = false
  isGet = false
  /** Number of fields but for Host. */
  fieldCount = 0
  /** Four offsets a field: name, its end, value, its end. */
  readonly fields = new Int32Array(fieldsMax * 4)
  readonly #hashes = new Int32Array(fieldsMax)
  #hasLength = false
  #hasConnection = false

  /** Reads the head in `bytes[start, end)`; `isRaw`: forms are not parsed, so their bodies are plain. */
  read(bytes: Buffer, start: number, end: number, isRaw: boolean): PlainVerdict {
    this.cookieField = -1
    this.bodyBytes = 0
    this.isLast = false
    this.fieldCount = 0
    this.hostStart = 0
    this.hostEnd = 0
    this.#hasLength = false
    this.#hasConnection = false
    const verdict = this.#readLine(bytes, start, end)
    if (verdict !== 'plain') return this.#bounded(verdict, end - start)
    return this.#bounded(this.#readFields(bytes, end, isRaw), end - start)
  }

  /** Index of the field with this name, in lower case; -1 without one. */
  find(bytes: Buffer, name: Buffer): number {
    const { fields, fieldCount } = this
    for (let index = 0; index < fieldCount; index += 1) {
      const slot = index * 4
      const [start, end] = [fields[slot] as number, fields[slot + 1] as number]
      if (end - start === name.length && equals(bytes, start, end, name)) return index
    }
    return -1
  }

  /** Leaves a field out, if there is one of this name. */
  remove(bytes: Buffer, name: Buffer): void {
    const index = this.find(bytes, name)
    if (index < 0) return
    this.fields.copyWithin(index * 4, (index + 1) * 4, this.fieldCount * 4)
    this.fieldCount -= 1
    if (this.cookieField > index) this.cookieField -= 1
  }

  /** Value of a field by its index. */
  value(bytes: Buffer, index: number): string {
    return bytes.toString('latin1', this.fields[index * 4 + 2], this.fields[index * 4 + 3])
  }

  #bounded(verdict: PlainVerdict, byteCount: number): PlainVerdict {
    return verdict === 'more' && byteCount >= plainHeadBytesMax ? 'other' : verdict
  }

  /** Reads `GET /path HTTP/1.1`; `end` is then behind it. */
  #readLine(bytes: Buffer, start: number, end: number): PlainVerdict {
    let at = start
    while (at < end && isUpper(bytes[at] as number)) at += 1
    if (at === end) return at - start > 20 ? 'other' : 'more'
    if (at === start || bytes[at] !== space) return 'other'
    // node:http refuses methods that it does not know.
    this.isGet = isGet(bytes, start, at)
    if (!this.isGet && !methods.has(bytes.toString('latin1', start, at))) return 'other'
    this.methodStart = start
    this.methodEnd = at
    at += 1
    if (at === end) return 'more'
    if (bytes[at] !== slash) return 'other'
    this.targetStart = at
    this.queryAt = -1
    while (at < end && ((classes[bytes[at] as number] as number) & targetBit) !== 0) {
      if (bytes[at] === question && this.queryAt < 0) this.queryAt = at
      at += 1
    }
    if (at === end) return 'more'
    if (bytes[at] !== space) return 'other'
    this.targetEnd = at
    if (this.queryAt < 0) this.queryAt = at
    at += 1
    for (let step = 0; step < version.length; step += 1, at += 1) {
      if (at === end) return 'more'
      if (bytes[at] !== version[step]) return 'other'
    }
    this.end = at
    return 'plain'
  }

  #readFields(bytes: Buffer, end: number, isRaw: boolean): PlainVerdict {
    let at = this.end
    for (;;) {
      if (at === end) return 'more'
      if (bytes[at] === cr) {
        if (at + 1 === end) return 'more'
        if (bytes[at + 1] !== lf || this.hostEnd === 0) return 'other'
        this.end = at + 2
        return 'plain'
      }
      const nameStart = at
      let hash = 0
      while (at < end && ((classes[bytes[at] as number] as number) & tokenBit) !== 0) {
        hash = (Math.imul(hash, 31) + (lower[bytes[at] as number] as number)) | 0
        at += 1
      }
      if (at === end) return 'more'
      if (at === nameStart || bytes[at] !== colon) return 'other'
      const nameEnd = at
      at += 1
      while (at < end && (bytes[at] === space || bytes[at] === tab)) at += 1
      const valueStart = at
      while (at < end && ((classes[bytes[at] as number] as number) & valueBit) !== 0) at += 1
      if (at === end) return 'more'
      if (bytes[at] !== cr) return 'other'
      if (at + 1 === end) return 'more'
      if (bytes[at + 1] !== lf) return 'other'
      let valueEnd = at
      while (valueEnd > valueStart && (bytes[valueEnd - 1] === space || bytes[valueEnd - 1] === tab))
        valueEnd -= 1
      at += 2
      if (this.fieldCount === fieldsMax) return 'other'
      const slot = this.fieldCount * 4
      this.fields[slot] = nameStart
      this.fields[slot + 1] = nameEnd
      this.fields[slot + 2] = valueStart
      this.fields[slot + 3] = valueEnd
      if (!this.#takeField(bytes, hash, isRaw)) return 'other'
    }
  }

  /** Takes the field whose offsets were written last; false for one that makes the request another one than plain. */
  #takeField(bytes: Buffer, hash: number, isRaw: boolean): boolean {
    const index = this.fieldCount
    const slot = index * 4
    const [nameStart, nameEnd] = [this.fields[slot] as number, this.fields[slot + 1] as number]
    const [valueStart, valueEnd] = [this.fields[slot + 2] as number, this.fields[slot + 3] as number]
    const is = (name: Buffer) => equals(bytes, nameStart, nameEnd, name)
    let isCookie = false
    switch (nameEnd - nameStart) {
      case 2:
        if (is(special.te)) return false
        break
      case 4:
        if (is(special.host)) return this.#setHost(bytes, valueStart, valueEnd)
        break
      case 6:
        if (is(special.expect)) return false
        isCookie = is(special.cookie)
        break
      case 7:
        if (is(special.upgrade) || is(special.trailer)) return false
        break
      case 10:
        if (is(special.connection) && !this.#setConnection(bytes, valueStart, valueEnd)) return false
        break
      case 12:
        if (!isRaw && is(special.contentType) && !isPlainType(bytes, valueStart, valueEnd)) return false
        break
      case 14:
        if (is(special.http2Settings)) return false
        if (is(special.contentLength) && !this.#setLength(bytes, valueStart, valueEnd)) return false
        break
      case 17:
        if (is(special.transferEncoding)) return false
        break
      default:
    }
    // A repeated name is one list to workers. Two names that only look the same to the hash are left to node:http, too.
    for (let other = 0; other < index; other += 1) if (this.#hashes[other] === hash) return false
    this.#hashes[index] = hash
    if (isCookie) this.cookieField = index
    this.fieldCount = index + 1
    return true
  }

  #setHost(bytes: Buffer, start: number, end: number): boolean {
    if (this.hostEnd !== 0 || start === end) return false
    for (let at = start; at < end; at += 1)
      if (((classes[bytes[at] as number] as number) & hostBit) === 0) return false
    this.hostStart = start
    this.hostEnd = end
    return true
  }

  #setConnection(bytes: Buffer, start: number, end: number): boolean {
    if (this.#hasConnection) return false
    this.#hasConnection = true
    this.isLast = equals(bytes, start, end, close)
    return this.isLast || equals(bytes, start, end, keepAlive)
  }

  #setLength(bytes: Buffer, start: number, end: number): boolean {
    if (this.#hasLength || start === end || end - start > 5) return false
    this.#hasLength = true
    let length = 0
    for (let at = start; at < end; at += 1) {
      const digit = (bytes[at] as number) - 0x30
      if (digit < 0 || digit > 9) return false
      length = length * 10 + digit
    }
    this.bodyBytes = length
    return length <= plainBodyBytesMax
  }
}

const methods: ReadonlySet<string> = new Set(METHODS)

function isGet(bytes: Buffer, start: number, end: number): boolean {
  return end - start === 3 && bytes[start] === 0x47 && bytes[start + 1] === 0x45 && bytes[start + 2] === 0x54
}

function isUpper(byte: number): boolean {
  return byte >= 0x41 && byte <= 0x5a
}

/** True when the bytes are this name, in any case. */
function equals(bytes: Buffer, start: number, end: number, name: Buffer): boolean {
  if (end - start !== name.length) return false
  for (let at = 0; at < name.length; at += 1)
    if (lower[bytes[start + at] as number] !== name[at]) return false
  return true
}

/** Forms have bodies that are parsed. */
function isPlainType(bytes: Buffer, start: number, end: number): boolean {
  return !/form/i.test(bytes.toString('latin1', start, end))
}
