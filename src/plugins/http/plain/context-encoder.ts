/**
 * A plain head → the context of its job, in one pass over the bytes into a buffer that is kept. Both codecs are those of
 * `work/http/message.ts`, whose encoder writes the same (a test compares them).
 */
import { canonicalName, encodeRequest, type HttpCodec, readCookies } from '../../../work/http/index.js'
import { type PlainHead, plainHeadBytesMax } from './plain-head.js'

// Every byte may be escaped as six in JSON, and each field has its frame around it.
const keptBytes = plainHeadBytesMax * 8
const kept = Buffer.allocUnsafeSlow(keptBytes)

const [dash, quote, backslash] = [0x2d, 0x22, 0x5c]

/** Properties of a connection that its requests share. */
export interface ConnectionFacts {
  readonly remoteAddr: string
  readonly isSecure: boolean
}

/** Properties of requests that the client has not sent. */
export interface EncodedFacts {
  readonly remoteAddr: string
  readonly isSecure: boolean
  /** Further headers, as `encodeTold` makes them. */
  readonly told: Buffer
}

/** Encodes the context. The result is the caller's. */
export function encodePlain(bytes: Buffer, head: PlainHead, codec: HttpCodec, facts: EncodedFacts): Buffer {
  const end = codec === 'json' ? toJson(bytes, head, facts) : toProto(bytes, head, facts)
  return Buffer.from(kept.subarray(0, end))
}

/** Encodes headers that are told to workers with each request: the bytes that stand behind those of the client. */
export function encodeTold(
  told: readonly (readonly [name: string, value: string])[],
  codec: HttpCodec,
): Buffer {
  const headers: Record<string, string[]> = {}
  for (const [name, value] of told) {
    const key = canonicalName(name)
    headers[key] = [...(headers[key] ?? []), value]
  }
  if (codec === 'json') return Buffer.from(JSON.stringify(headers).slice(1, -1))
  const nothing = { remoteAddr: '', protocol: '', method: '', uri: '', rawQuery: '', isParsed: false }
  const head = { ...nothing, headers, cookies: {}, attributes: {}, uploads: undefined }
  return Buffer.from(encodeRequest(head, codec))
}

/** The cookies of a head, decoded; most have none. */
function cookiesOf(
  bytes: Buffer,
  { cookieField, fields }: PlainHead,
): readonly (readonly [string, string])[] {
  if (cookieField < 0) return []
  const [start, end] = [fields[cookieField * 4 + 2], fields[cookieField * 4 + 3]]
  return Object.entries(readCookies([bytes.toString('latin1', start, end)]))
}

function toJson(bytes: Buffer, head: PlainHead, { remoteAddr, isSecure, told }: EncodedFacts): number {
  let at = kept.write(`{"remoteAddr":"${remoteAddr}","protocol":"HTTP/1.1","method":"`, 0, 'latin1')
  at = copy(bytes, head.methodStart, head.methodEnd, at)
  at += kept.write(isSecure ? '","uri":"https://' : '","uri":"http://', at, 'latin1')
  at = copy(bytes, head.hostStart, head.hostEnd, at)
  at = copyEscaped(bytes, head.targetStart, head.targetEnd, at)
  at += kept.write('","headers":{', at, 'latin1')
  const { fields, fieldCount } = head
  for (let index = 0; index < fieldCount; index += 1) {
    const field = index * 4
    at += kept.write(index === 0 ? '"' : ',"', at, 'latin1')
    at = copyName(bytes, fields[field] as number, fields[field + 1] as number, at)
    at += kept.write('":["', at, 'latin1')
    at = copyEscaped(bytes, fields[field + 2] as number, fields[field + 3] as number, at)
    at += kept.write('"]', at, 'latin1')
  }
  if (told.length > 0) {
    if (fieldCount > 0) at += kept.write(',', at, 'latin1')
    at += told.copy(kept, at)
  }
  const cookies = cookiesOf(bytes, head)
  at += kept.write('},"cookies":', at, 'latin1')
  at += kept.write(cookies.length === 0 ? '{}' : JSON.stringify(Object.fromEntries(cookies)), at)
  at += kept.write(',"rawQuery":"', at, 'latin1')
  at = copyEscaped(bytes, Math.min(head.queryAt + 1, head.targetEnd), head.targetEnd, at)
  at += kept.write('","parsed":false,"uploads":null,"attributes":{}}', at, 'latin1')
  return at
}

function toProto(bytes: Buffer, head: PlainHead, { remoteAddr, isSecure, told }: EncodedFacts): number {
  let at = putText(0x0a, remoteAddr, 0)
  at = putText(0x12, 'HTTP/1.1', at)
  const { methodStart, methodEnd, hostStart, hostEnd, targetStart, targetEnd, queryAt } = head
  kept[at] = 0x1a
  at = putVarint(methodEnd - methodStart, at + 1)
  at = copy(bytes, methodStart, methodEnd, at)
  const scheme = isSecure ? 'https://' : 'http://'
  kept[at] = 0x22
  at = putVarint(scheme.length + hostEnd - hostStart + targetEnd - targetStart, at + 1)
  at += kept.write(scheme, at, 'latin1')
  at = copy(bytes, hostStart, hostEnd, at)
  at = copy(bytes, targetStart, targetEnd, at)
  const { fields, fieldCount } = head
  for (let index = 0; index < fieldCount; index += 1) {
    const field = index * 4
    const [nameStart, nameEnd] = [fields[field] as number, fields[field + 1] as number]
    const [valueStart, valueEnd] = [fields[field + 2] as number, fields[field + 3] as number]
    at = putEntryHead(0x2a, nameEnd - nameStart, valueEnd - valueStart, at)
    at = copyName(bytes, nameStart, nameEnd, at)
    at = putValueHead(valueEnd - valueStart, at)
    at = copy(bytes, valueStart, valueEnd, at)
  }
  at += told.copy(kept, at)
  for (const [name, value] of cookiesOf(bytes, head)) {
    const valueBytes = Buffer.byteLength(value)
    at = putEntryHead(0x32, name.length, valueBytes, at)
    at += kept.write(name, at, 'latin1')
    at = putValueHead(valueBytes, at)
    at += kept.write(value, at)
  }
  if (queryAt + 1 < targetEnd) {
    kept[at] = 0x3a
    at = putVarint(targetEnd - queryAt - 1, at + 1)
    at = copy(bytes, queryAt + 1, targetEnd, at)
  }
  return at
}

/** Begins an entry of a map<string, HeaderValue> up to the bytes of its name. */
function putEntryHead(tag: number, nameBytes: number, valueBytes: number, to: number): number {
  const list = 1 + varintBytes(valueBytes) + valueBytes
  const entry = 1 + varintBytes(nameBytes) + nameBytes + 1 + varintBytes(list) + list
  kept[to] = tag
  const at = putVarint(entry, to + 1)
  kept[at] = 0x0a
  return putVarint(nameBytes, at + 1)
}

/** Continues behind the name up to the bytes of the value. */
function putValueHead(valueBytes: number, to: number): number {
  kept[to] = 0x12
  const at = putVarint(1 + varintBytes(valueBytes) + valueBytes, to + 1)
  kept[at] = 0x0a
  return putVarint(valueBytes, at + 1)
}

function putText(tag: number, text: string, to: number): number {
  kept[to] = tag
  const at = putVarint(text.length, to + 1)
  return at + kept.write(text, at, 'latin1')
}

/** Heads are short: three bytes of a varint are enough. */
function putVarint(value: number, to: number): number {
  let [rest, at] = [value, to]
  for (; rest >= 0x80; at += 1, rest >>>= 7) kept[at] = (rest & 0x7f) | 0x80
  kept[at] = rest
  return at + 1
}

function varintBytes(value: number): number {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : 3
}

function copy(bytes: Buffer, start: number, end: number, to: number): number {
  // For so few bytes a loop is faster than a call into the runtime.
  let at = to
  for (let from = start; from < end; from += 1, at += 1) kept[at] = bytes[from] as number
  return at
}

function copyEscaped(bytes: Buffer, start: number, end: number, to: number): number {
  let at = to
  for (let from = start; from < end; from += 1) {
    const byte = bytes[from] as number
    if (byte === quote || byte === backslash) {
      kept[at] = backslash
      at += 1
    } else if (byte === 0x09) {
      kept[at] = backslash
      kept[at + 1] = 0x74
      at += 2
      continue
    }
    kept[at] = byte
    at += 1
  }
  return at
}

/** `content-type` → `Content-Type`, as Go writes names. Token characters need no escape in JSON. */
function copyName(bytes: Buffer, start: number, end: number, to: number): number {
  let at = to
  let isFirst = true
  for (let from = start; from < end; from += 1, at += 1) {
    const byte = bytes[from] as number
    const isLetter = (byte >= 0x61 && byte <= 0x7a) || (byte >= 0x41 && byte <= 0x5a)
    kept[at] = isLetter ? (isFirst ? byte & 0xdf : byte | 0x20) : byte
    isFirst = byte === dash
  }
  return at
}
