/** Metadata of calls, between headers of HTTP/2 and what workers read and write. Pure. */
import { isUtf8 } from 'node:buffer'

/** Headers that belong to the protocol; workers get none of them and set none. */
const reserved: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'content-type',
  'grpc-encoding',
  'grpc-message',
  'grpc-message-type',
  'grpc-status',
  'grpc-status-details-bin',
  'grpc-timeout',
  'host',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

// Go's server passes these on.
const passedOn: ReadonlySet<string> = new Set([':authority', 'content-type', 'user-agent'])

/** Reads the metadata of a call from its headers, names and values in turn. */
export function readMetadata(raw: readonly string[]): Map<string, string[]> {
  const metadata = new Map<string, string[]>()
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = raw[at] ?? ''
    if (!passedOn.has(name) && (name.startsWith(':') || reserved.has(name))) continue
    const value = raw[at + 1] ?? ''
    const values = name.endsWith('-bin') ? value.split(',').map(binaryText) : [value]
    const known = metadata.get(name)
    if (known === undefined) metadata.set(name, values)
    else known.push(...values)
  }
  return metadata
}

/** Workers get JSON, so bytes other than text stay in base64; RoadRunner loses them. */
function binaryText(base64: string): string {
  const bytes = Buffer.from(base64.trim(), 'base64')
  return isUtf8(bytes) ? bytes.toString('utf8') : base64.trim()
}

/** Headers as HTTP/2 sends them. */
export type HeaderLists = Record<string, string[]>

/** Makes headers of what a worker wrote. `skipped` is called with the name of each that cannot be sent. */
export function writeMetadata(
  given: Iterable<readonly [name: string, value: unknown]>,
  skipped: (name: string) => void,
): HeaderLists {
  const headers = new Map<string, string[]>()
  for (const [spelled, value] of given) {
    const name = spelled.toLowerCase()
    const texts = (Array.isArray(value) ? value : [value]).map((one) => headerText(name, one))
    if (!/^[0-9a-z_.-]+$/.test(name) || reserved.has(name) || texts.includes(undefined)) skipped(spelled)
    else headers.set(name, [...(headers.get(name) ?? []), ...texts.filter((text) => text !== undefined)])
  }
  return Object.fromEntries(headers)
}

function headerText(name: string, value: unknown): string | undefined {
  if (typeof value !== 'string' && typeof value !== 'number') return undefined
  if (name.endsWith('-bin')) return Buffer.from(String(value), 'utf8').toString('base64')
  const text = String(value).trim()
  return /^[\x20-\x7e]*$/.test(text) ? text : undefined
}

/** Bytes of headers, as HTTP/2 counts them. */
export function headerBytes(headers: HeaderLists): number {
  let bytes = 0
  for (const [name, values] of Object.entries(headers))
    for (const value of values) bytes += name.length + value.length + 32
  return bytes
}
