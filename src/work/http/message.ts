/**
 * The context of RoadRunner's HTTP jobs in both codecs: JSON (its older servers) and protobuf `http.v1` (2024.1 and newer).
 * Field numbers are those of RoadRunner's api package. Pure.
 */
import { isUtf8 } from 'node:buffer'
import { protoFields, protoPart } from '../proto-fields.js'
import type { HttpRequest, MultiValues } from './request.js'
import { isToken } from './text.js'

/** The codec on the wire. */
export type HttpCodec = 'json' | 'proto'

/** Request without its body. */
export interface HttpHead extends Omit<HttpRequest, 'body' | 'source' | 'host'> {
  readonly isParsed: boolean
  /** The tree of uploads as JSON. */
  readonly uploads: string | undefined
}

/** A worker's answer, but for its body. */
export interface HttpReplyHead {
  readonly status: number
  readonly headers: MultiValues
}

/** Encodes a request's context. */
export function encodeRequest(head: HttpHead, codec: HttpCodec): Uint8Array | string {
  return codec === 'json' ? encodeJson(head) : encodeProto(head)
}

function encodeJson(head: HttpHead): string {
  const { remoteAddr, protocol, method, uri, headers, cookies, rawQuery, isParsed, attributes } = head
  const uploads: unknown = head.uploads === undefined ? null : JSON.parse(head.uploads)
  return JSON.stringify({
    remoteAddr,
    protocol,
    method,
    uri,
    headers,
    cookies,
    rawQuery,
    parsed: isParsed,
    uploads,
    attributes,
  })
}

function encodeProto(head: HttpHead): Buffer {
  const cookies = Object.fromEntries(Object.entries(head.cookies).map(([name, value]) => [name, [value]]))
  return Buffer.concat([
    textField(1, head.remoteAddr),
    textField(2, head.protocol),
    textField(3, head.method),
    textField(4, head.uri),
    mapField(5, head.headers),
    mapField(6, cookies),
    textField(7, head.rawQuery),
    head.isParsed ? Buffer.from([tag(8, 0), 1]) : Buffer.alloc(0),
    head.uploads === undefined ? Buffer.alloc(0) : textField(9, head.uploads),
    mapField(10, head.attributes),
  ])
}

function tag(field: number, wire: number): number {
  return (field << 3) | wire
}

/** Proto3 leaves empty texts out. */
function textField(field: number, text: string): Buffer {
  return text === '' ? Buffer.alloc(0) : protoPart(field, Buffer.from(text, 'utf8'))
}

/** map<string, HeaderValue{repeated bytes value = 1}> */
function mapField(field: number, values: MultiValues): Buffer {
  const entries = Object.entries(values).map(([name, list]) => {
    const value = Buffer.concat(list.map((one) => protoPart(1, Buffer.from(one, 'utf8'))))
    return protoPart(field, Buffer.concat([textField(1, name), protoPart(2, value)]))
  })
  return Buffer.concat(entries)
}

/** Reads an answer's context in whatever codec it is: JSON begins with a brace. Throws an `Error` with a sentence. */
export function decodeReply(context: Uint8Array): HttpReplyHead {
  const bytes = Buffer.from(context.buffer, context.byteOffset, context.length)
  return bytes[0] === 0x7b ? decodeJson(bytes) : decodeProto(bytes)
}

function decodeJson(bytes: Buffer): HttpReplyHead {
  const value: unknown = JSON.parse(bytes.toString('utf8'))
  if (typeof value !== 'object' || value === null) throw new Error('the context is not an object')
  const status = 'status' in value ? Number(value.status) : Number.NaN
  if (!Number.isInteger(status)) throw new Error('the context has no status')
  const given = 'headers' in value && typeof value.headers === 'object' ? (value.headers ?? {}) : {}
  const lists = Object.entries(given).map(([name, list]) => {
    return [name, (Array.isArray(list) ? list : [list]).map(String)] as const
  })
  return { status, headers: headersOf(lists) }
}

function decodeProto(bytes: Buffer): HttpReplyHead {
  let status = 0
  const lists: [string, string[]][] = []
  for (const { field, number, part } of protoFields(bytes)) {
    if (field === 1 && number !== undefined) status = number
    if (field !== 2 || part === undefined) continue
    let name = ''
    const values: string[] = []
    for (const entry of protoFields(part)) {
      if (entry.field === 1) name = entry.part?.toString('utf8') ?? ''
      if (entry.field === 2 && entry.part !== undefined)
        for (const value of protoFields(entry.part)) values.push(textOf(value.part))
    }
    lists.push([name, values])
  }
  if (status === 0) throw new Error('the context is neither JSON nor an http.v1.Response with a status')
  return { status, headers: headersOf(lists) }
}

/** Header values are bytes; values that are not UTF-8 are Latin-1, as in HTTP. */
function textOf(bytes: Buffer | undefined): string {
  return bytes === undefined ? '' : bytes.toString(isUtf8(bytes) ? 'utf8' : 'latin1')
}

/**
 * Makes headers as Go writes them: names are compared without case, invalid names are left out, and a line break in a value
 * becomes a blank, so that no value can add a header.
 */
function headersOf(lists: readonly (readonly [string, readonly string[]])[]): MultiValues {
  const headers = new Map<string, [name: string, values: string[]]>()
  for (const [name, values] of lists) {
    if (!isToken(name) || values.length === 0) continue
    const key = name.toLowerCase()
    const entry = headers.get(key) ?? [name, []]
    entry[1].push(...values.map((value) => value.replace(/[\r\n\0]/g, ' ').trim()))
    headers.set(key, entry)
  }
  return Object.fromEntries(headers.values())
}
