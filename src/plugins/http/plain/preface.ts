/** Tells connections of HTTP/2 by their first bytes. Pure. */
import type { PlainVerdict } from './plain-head.js'

const prefaceBytes = 4

/** Verdict on bytes of a connection that node:http or node:http2 is to have: four bytes tell which. */
export function whenOff(bytes: Buffer): PlainVerdict {
  return bytes.length < prefaceBytes && bytes[0] === 0x50 ? 'more' : 'other'
}

/** True for bytes with which clients of HTTP/2 begin. */
export function isPreface(bytes: Buffer): boolean {
  return bytes.toString('latin1', 0, prefaceBytes) === 'PRI '
}
