/** The job of a plain request, and its trace where requests are traced. */
import { Codec, type Job, type WorkTrace } from '../../../index.js'
import { endTrace, type RequestTracing } from '../serving/request-tracing.js'
import { type ConnectionFacts, encodePlain, encodeTold } from './context-encoder.js'
import type { PlainHead } from './plain-head.js'
import type { EndOfLine, PlainParts } from './plain-parts.js'
import type { HeadLook } from './plain-request.js'

const noBytes = Buffer.alloc(0)

/** A plain request whose head was read. */
export interface PlainWork {
  readonly bytes: Buffer
  readonly head: PlainHead
  readonly method: string
  readonly facts: ConnectionFacts
}

/** Makes the job; `trace` is that of the request, whose headers take the place of the client's. */
export function plainJob(
  { bytes, head, method, facts }: PlainWork,
  { codec, newId, chain }: PlainParts,
  trace: WorkTrace | undefined,
): Job {
  const { bodyBytes, end } = head
  const given = chain?.told.bytes ?? noBytes
  const told = trace === undefined ? given : joinedTold(given, encodeTold(trace.headers, codec), codec)
  return {
    context: encodePlain(bytes, head, codec, { ...facts, told }),
    // RoadRunner reads no body of HEAD and OPTIONS.
    body: bodyBytes === 0 || isBodiless(method) ? '' : bytes.subarray(end, end + bodyBytes),
    codec: codec === 'json' ? Codec.json : Codec.proto,
    id: newId(),
  }
}

/** Begins the trace of a request, and takes its headers out of the head. */
export function plainTrace(
  { bytes, head, facts }: PlainWork,
  look: HeadLook,
  tracing: RequestTracing,
): WorkTrace {
  const trace = tracing.begin(look, { ...facts, version: '1.1' })
  for (const name of tracing.names) head.remove(bytes, Buffer.from(name, 'latin1'))
  return trace
}

/** Ends the trace together with the line of the request. */
export function tracedLine(trace: WorkTrace | undefined, line: EndOfLine | undefined): EndOfLine | undefined {
  if (trace === undefined) return line
  return (status, bytes, isRefused) => {
    line?.(status, bytes, isRefused)
    endTrace(trace, status, bytes)
  }
}

function joinedTold(given: Buffer, added: Buffer, codec: PlainParts['codec']): Buffer {
  if (given.length === 0) return added
  return Buffer.concat(codec === 'json' ? [given, comma, added] : [given, added])
}

const comma = Buffer.from(',')

function isBodiless(method: string): boolean {
  return method === 'HEAD' || method === 'OPTIONS'
}
