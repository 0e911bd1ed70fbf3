/** Puts the headers of a trace into the context of a job, where a worker of its kind looks for them. Pure. */
import { objectOf, parseJson, type WorkTrace } from '../index.js'
import { encodeRequest } from './http/message.js'
import { canonicalName } from './http/text.js'

/** Form of a context: ours (`raw`), or RoadRunner's of jobs or of requests in one of its codecs. */
export type ContextForm = 'raw' | 'jobs' | 'http-json' | 'http-proto'

/**
 * Adds the headers. In our own context they are the member `trace`; in the others they replace headers of the same names, which came with
 * the work.
 */
export function withTraceHeaders(
  context: Uint8Array | string,
  form: ContextForm,
  headers: WorkTrace['headers'],
): Uint8Array | string {
  if (form === 'raw') return withMember(textOfContext(context), Object.fromEntries(headers))
  if (form === 'http-proto') return Buffer.concat([bytesOf(context), encodeHttpHeaders(headers)])
  const names = new Set(headers.map(([name]) => name))
  const parsed = objectOf(parseJson(textOfContext(context)))
  const kept = Object.entries(objectOf(parsed.headers)).filter(([name]) => !names.has(name.toLowerCase()))
  const named = form === 'jobs' ? (name: string) => name : canonicalName
  const added = headers.map(([name, value]) => [named(name), [value]] as const)
  return JSON.stringify({ ...parsed, headers: Object.fromEntries([...kept, ...added]) })
}

/** Encodes headers of requests alone. In protobuf the last entry of a map counts: behind those of the client they replace them. */
function encodeHttpHeaders(headers: WorkTrace['headers']): Uint8Array {
  const named = Object.fromEntries(headers.map(([name, value]) => [canonicalName(name), [value]]))
  const nothing = { remoteAddr: '', protocol: '', method: '', uri: '', rawQuery: '', isParsed: false }
  return bytesOf(
    encodeRequest({ ...nothing, headers: named, cookies: {}, attributes: {}, uploads: undefined }, 'proto'),
  )
}

/** All numbers of the context keep their digits. */
function withMember(context: string, trace: object): string {
  return context.startsWith('{"') ? `{"trace":${JSON.stringify(trace)},${context.slice(1)}` : context
}

function textOfContext(context: Uint8Array | string): string {
  return typeof context === 'string' ? context : Buffer.from(context).toString('utf8')
}

function bytesOf(context: Uint8Array | string): Uint8Array {
  return typeof context === 'string' ? Buffer.from(context) : context
}
