/** Reads a worker's reply as RoadRunner's PHP package writes it: a message, and metadata or a status as JSON. Pure. */
import { isObject, type Reply } from '../../../index.js'
import { protoFields } from '../../../work/proto-fields.js'
import { type HeaderLists, writeMetadata } from '../wire/metadata.js'
import { GrpcCode, type GrpcStatus } from '../wire/status.js'

/** A reply. */
export interface CallReply {
  readonly headers: HeaderLists
  readonly trailers: HeaderLists
  readonly status: GrpcStatus
  readonly body: Uint8Array
}

const ok: GrpcStatus = { code: GrpcCode.ok, message: '' }

/** Reads a reply; throws an `Error` with a sentence when it is not one. `skipped` is called for metadata that cannot be sent. */
export function readCallReply({ context, body }: Reply, skipped: (name: string) => void): CallReply {
  const text = Buffer.from(context.buffer, context.byteOffset, context.length).toString('utf8')
  const given: unknown = text === '' ? {} : JSON.parse(text)
  // PHP writes an empty map as a list.
  if (Array.isArray(given) && given.length === 0) return { headers: {}, trailers: {}, status: ok, body }
  if (!isObject(given)) throw new Error('the context is not an object')
  const { error, headers, trailers, ...others } = given
  const isNew = hasText(headers) || hasText(trailers)
  return {
    headers: writeMetadata(isNew ? entriesOf(headers) : Object.entries(others), skipped),
    trailers: writeMetadata(isNew ? entriesOf(trailers) : [], skipped),
    status: typeof error === 'string' && error !== '' ? readStatus(error) : ok,
    body,
  }
}

function hasText(value: unknown): boolean {
  return isObject(value) || (typeof value === 'string' && value !== '')
}

/** Newer packages write the JSON of a map as a text. */
function entriesOf(value: unknown): readonly (readonly [string, unknown])[] {
  const map: unknown = typeof value === 'string' && value !== '' ? JSON.parse(value) : value
  return isObject(map) ? Object.entries(map) : []
}

/** Reads a `google.rpc.Status` in base64. */
function readStatus(base64: string): GrpcStatus {
  const bytes = Buffer.from(base64, 'base64')
  let [code, message, hasDetails]: [number, string, boolean] = [GrpcCode.ok, '', false]
  for (const { field, number, part } of protoFields(bytes)) {
    if (field === 1 && number !== undefined) code = number
    else if (field === 2 && part !== undefined) message = part.toString('utf8')
    else if (field === 3) hasDetails = true
  }
  if (code > 2 ** 31) throw new Error(`the status has the code ${code}`)
  return { code, message, ...(hasDetails ? { details: bytes } : {}) }
}
