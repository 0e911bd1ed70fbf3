/**
 * The head of an answer: what a worker said, without what belongs to our connection with the client. Pure.
 */
import { type HttpReplyHead, hasBody, isToken, type MultiValues } from '../../../work/http/index.js'

/** Status and headers as they go out. */
export interface AnswerHead {
  readonly status: number
  /** Names as the worker spelled them, with all their values; no framing headers. */
  readonly headers: readonly (readonly [name: string, values: readonly string[]])[]
  /** Headers that follow the body. */
  readonly trailers: readonly (readonly [name: string, values: readonly string[]])[]
  /** `Content-Length` as the worker gave it; undefined without one. */
  readonly length: number | undefined
  /** True when the worker asked for the end of the connection. */
  readonly isLast: boolean
}

// They belong to a connection that we, not the worker, have with the client. RoadRunner's `Http2-Push` has no meaning any more: browsers
// have removed it.
const hopHeaders: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'keep-alive',
  'proxy-connection',
  'trailer',
  'transfer-encoding',
  'upgrade',
])
const statusMin = 100
const statusMax = 599
const statusOfBadOne = 500

/** Makes the head of a worker's reply. A status out of range becomes 500, as in RoadRunner. */
export function answerHead({ status, headers: given }: HttpReplyHead): AnswerHead {
  const headers: (readonly [string, readonly string[]])[] = []
  const trailers: (readonly [string, readonly string[]])[] = []
  let [length, isLast]: [number | undefined, boolean] = [undefined, false]
  const named = trailerNames(given)
  for (const [name, values] of Object.entries(given)) {
    const key = name.toLowerCase()
    if (key === 'content-length') length = lengthOf(values)
    else if (key === 'connection') isLast = values.some((value) => /\bclose\b/i.test(value))
    if (hopHeaders.has(key)) continue
    const entry = [name, values.map(headerText)] as const
    if (named?.has(key) === true) trailers.push(entry)
    else headers.push(entry)
  }
  const isValid = status >= statusMin && status <= statusMax
  return { status: isValid ? status : statusOfBadOne, headers, trailers, length, isLast }
}

/** Makes the head of an answer of our own. */
export function ownHead(status: number, fields: Readonly<Record<string, string>> = {}): AnswerHead {
  const headers = Object.entries(fields).map(([name, value]) => [name, [value]] as const)
  return { status, headers, trailers: [], length: undefined, isLast: false }
}

/** True for an answer that has a body on the wire. */
export function takesBody(method: string, { status }: AnswerHead): boolean {
  return hasBody({ method }, status)
}

/** The first value of a header; undefined without one. `name` in lower case. */
export function headerOf({ headers }: AnswerHead, name: string): string | undefined {
  return headers.find(([given]) => given.length === name.length && given.toLowerCase() === name)?.[1][0]
}

/** `Trailer: A, B` names the headers that go out behind the body. */
function trailerNames(headers: MultiValues): ReadonlySet<string> | undefined {
  const lists = Object.entries(headers).flatMap(([name, values]) =>
    name.toLowerCase() === 'trailer' ? values : [],
  )
  if (lists.length === 0) return undefined
  const names = lists.flatMap((list) => list.split(',')).map((name) => name.trim().toLowerCase())
  return new Set(names.filter((name) => isToken(name) && !hopHeaders.has(name)))
}

function lengthOf(values: readonly string[]): number | undefined {
  const [text = ''] = values
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined
}

/**
 * A value as node:http writes it: one character a byte. What is not ASCII goes out as UTF-8, as it came from the worker; control
 * characters are left out.
 */
function headerText(value: string): string {
  if (/^[\t\x20-\x7e]*$/.test(value)) return value
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is removed
  const clean = value.replace(/[\x00-\x08\x0a-\x1f\x7f]/g, '')
  return Buffer.from(clean, 'utf8').toString('latin1')
}
