/** Bodies of messages as text. Pure. */
import { isUtf8 } from 'node:buffer'

/** The text of a body; bytes are read as UTF-8. */
export function bodyText(body: string | Uint8Array): string {
  return typeof body === 'string' ? body : Buffer.from(body).toString('utf8')
}

/** True for a body that is text without loss. */
export function isText(body: string | Uint8Array): boolean {
  return typeof body === 'string' || isUtf8(body)
}
