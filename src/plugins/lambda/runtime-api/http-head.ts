/**
 * Head of an HTTP response, as far as this server looks at it: the status, how the body ends, and the headers of an event. It runs for
 * every event: the lines are walked once, and no other header costs more than its length. Pure.
 */

/** Length of the body. */
type Framing = { readonly length: number } | 'chunked' | 'until-close' | 'none'

/** The head. */
export interface ResponseHead {
  readonly status: number
  readonly framing: Framing
  /** False: the server closes the connection behind the body. */
  readonly isKeptAlive: boolean
  /** Value of a header, of repeated ones the last; bytes as characters. Undefined when it is absent. */
  readonly headers: EventHeaders
}

/** Headers of an event, by the part of their names behind `lambda-runtime-`. */
interface EventHeaders {
  readonly requestId: string | undefined
  readonly deadlineMs: string | undefined
  readonly functionArn: string | undefined
  readonly traceId: string | undefined
  readonly clientContext: string | undefined
  readonly cognitoIdentity: string | undefined
  readonly tenantId: string | undefined
}

type Name = keyof EventHeaders | 'connection' | 'length' | 'encoding'
type Values = { -readonly [N in Name]: string | undefined }

const names: ReadonlyMap<string, Name> = new Map([
  ['connection', 'connection'],
  ['content-length', 'length'],
  ['transfer-encoding', 'encoding'],
  ['lambda-runtime-aws-request-id', 'requestId'],
  ['lambda-runtime-deadline-ms', 'deadlineMs'],
  ['lambda-runtime-invoked-function-arn', 'functionArn'],
  ['lambda-runtime-trace-id', 'traceId'],
  ['lambda-runtime-client-context', 'clientContext'],
  ['lambda-runtime-cognito-identity', 'cognitoIdentity'],
  ['lambda-runtime-aws-tenant-id', 'tenantId'],
])
const lengths: ReadonlySet<number> = new Set([...names.keys()].map((name) => name.length))
const statusPattern = /^HTTP\/1\.[01] (\d{3})/

/** Reads a head without its last line end; undefined for 1xx, which announce another one. Throws an `Error` on anything else. */
export function readHead(text: string): ResponseHead | undefined {
  const lineLength = text.indexOf('\r\n')
  const statusLine = lineLength < 0 ? text : text.slice(0, lineLength)
  const status = Number(statusPattern.exec(statusLine)?.[1])
  if (Number.isNaN(status))
    throw new Error(`the answer is not an HTTP response: ${JSON.stringify(statusLine.slice(0, 60))}`)
  if (status < 200) return undefined
  const headers = readHeaders(text, lineLength < 0 ? text.length : lineLength + 2)
  const connection = headers.connection?.toLowerCase()
  const isKeptAlive = statusLine.startsWith('HTTP/1.0') ? connection === 'keep-alive' : connection !== 'close'
  return { status, framing: framingOf(status, headers), isKeptAlive, headers }
}

function readHeaders(text: string, from: number): Values {
  const values: Values = {
    connection: undefined,
    length: undefined,
    encoding: undefined,
    requestId: undefined,
    deadlineMs: undefined,
    functionArn: undefined,
    traceId: undefined,
    clientContext: undefined,
    cognitoIdentity: undefined,
    tenantId: undefined,
  }
  for (let at = from; at < text.length; ) {
    const found = text.indexOf('\r\n', at)
    const end = found < 0 ? text.length : found
    const colon = text.indexOf(':', at)
    if (colon > at && colon < end && lengths.has(colon - at)) {
      const name = names.get(text.slice(at, colon).toLowerCase())
      if (name !== undefined) values[name] = text.slice(colon + 1, end).trim()
    }
    at = end + 2
  }
  return values
}

function framingOf(status: number, { encoding, length }: Values): Framing {
  if (encoding?.toLowerCase().includes('chunked') === true) return 'chunked'
  if (length === undefined) return status === 204 || status === 304 ? 'none' : 'until-close'
  const bytes = Number(length)
  if (!Number.isInteger(bytes) || bytes < 0)
    throw new Error(`a response has the length ${JSON.stringify(length)}`)
  return bytes === 0 ? 'none' : { length: bytes }
}
