/**
 * A request as node:http read it, of any version of HTTP → what workers are told of it, as RoadRunner fills it in. Pure; the body is
 * read in `body.ts`.
 */
import { isUtf8 } from 'node:buffer'
import type { IncomingMessage } from 'node:http'
import { canonicalName, type HttpHead, readCookies } from '../../../work/http/index.js'
import { factsOf } from './facts.js'

/** A request without its body. */
export type RequestHead = Omit<HttpHead, 'isParsed' | 'uploads'>

// Go takes them out of the headers.
const hiddenHeaders: ReadonlySet<string> = new Set(['host', 'transfer-encoding', 'trailer'])

/** Reads the head of a request. */
export function readRequestHead(request: IncomingMessage): RequestHead {
  const { method = 'GET', httpVersion, url = '/' } = request
  const headers = readHeaders(request.rawHeaders)
  const target = url.replace(/[\r\n]/g, '')
  const query = target.indexOf('?')
  return {
    remoteAddr: remoteAddress(request),
    protocol: `HTTP/${httpVersion}`,
    method,
    uri: uriOf(request, target),
    headers: Object.fromEntries(headers),
    cookies: readCookies(headers.get('Cookie') ?? []),
    rawQuery: query < 0 ? '' : target.slice(query + 1),
    attributes: factsOf(request)?.attributes ?? {},
  }
}

/** The client's address without its port, as a trusted proxy told it or as the connection has it. */
export function remoteAddress(request: IncomingMessage): string {
  return factsOf(request)?.remoteAddr ?? plainAddress(request.socket?.remoteAddress)
}

/** An address as Go writes it: IPv4 is never mapped into IPv6. A socket file has none, and PHP's classes need one. */
export function plainAddress(address: string | undefined): string {
  return address === undefined || address === '' ? '127.0.0.1' : address.replace(/^::ffff:(?=\d+\.)/i, '')
}

function uriOf(request: IncomingMessage, target: string): string {
  // The absolute form, which clients of proxies send.
  if (/^https?:\/\//i.test(target)) return target
  const isSecure = 'encrypted' in request.socket && request.socket.encrypted === true
  const host = request.headers[':authority'] ?? request.headers.host ?? ''
  return `${isSecure ? 'https' : 'http'}://${String(host)}${target}`
}

function readHeaders(raw: readonly string[]): Map<string, string[]> {
  const headers = new Map<string, string[]>()
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = raw[at] ?? ''
    // Pseudo headers of HTTP/2.
    if (name.startsWith(':')) continue
    const key = goName(name)
    if (hiddenHeaders.has(key.toLowerCase())) continue
    const value = bytesText(raw[at + 1] ?? '')
    const known = headers.get(key)
    if (known === undefined) headers.set(key, [value])
    // HTTP/2 clients may send cookies one by one; workers get one header.
    else if (key === 'Cookie') known[0] = `${known[0]}; ${value}`
    else known.push(value)
  }
  return headers
}

const namesMax = 1000
const names = new Map<string, string>()

/** `canonicalName` with a memory: clients send the same few names again and again. */
function goName(name: string): string {
  const known = names.get(name)
  if (known !== undefined) return known
  const made = canonicalName(name)
  if (names.size < namesMax) names.set(name, made)
  return made
}

/** Node reads header values as one character a byte; workers get the bytes, which are UTF-8 if they can be. */
function bytesText(value: string): string {
  if (!/[^\x20-\x7e]/.test(value)) return value
  const bytes = Buffer.from(value, 'latin1')
  return isUtf8(bytes) ? bytes.toString('utf8') : value
}
