/** Takes streams of HTTP/2, checks that they are calls, and finds who answers: a worker, the health service, or nobody. */
import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2'
import { TLSSocket } from 'node:tls'
import { healthService, type Methods } from '../protos/services.js'
import { readMetadata } from '../wire/metadata.js'
import { GrpcCode, StatusError } from '../wire/status.js'
import { timeoutOf } from '../wire/timeout.js'
import { CallAnswer } from './answer.js'
import type { CallHead, CallParts } from './call-parts.js'
import { faultStatus } from './faults.js'
import { askedService, type HealthState } from './health.js'
import type { Observe } from './observer.js'
import { readMessage } from './read-message.js'
import { UnaryCall } from './unary-call.js'

/** Parts of the router. */
export interface RouterOptions {
  readonly parts: CallParts
  readonly methods: Methods
  readonly health: HealthState
  readonly observe: Observe
}

/** Takes one stream with its headers, read and raw. */
export type TakeStream = (
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  raw: readonly string[],
) => void

interface Taken {
  readonly stream: ServerHttp2Stream
  readonly answer: CallAnswer
  readonly head: CallHead
  readonly isPacked: boolean
  readonly onEnd: (code: number) => void
}

const contentTypePattern = /^application\/grpc(?:$|[+;])/

/** Makes the router. */
export function callRouter({ parts, methods, health, observe }: RouterOptions): TakeStream {
  return (stream, headers, raw) => {
    // A stream that breaks off says so, too, by closing.
    stream.on('error', () => undefined)
    const refusal = refusalOf(headers)
    if (refusal !== undefined) {
      stream.respond({ ':status': refusal }, { endStream: true })
      stream.close(constants.NGHTTP2_NO_ERROR)
      return
    }
    const call = begin(stream, headers, raw)
    if (call === undefined) return
    const { service, method } = call.head
    if (service === healthService) void answerHealth(call, method)
    else void new UnaryCall(call, parts).run()
  }

  /** Ends calls that nobody answers, and returns the others. */
  function begin(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, raw: readonly string[]) {
    const path = headers[':path'] ?? ''
    const isPacked = headers['grpc-encoding'] === 'gzip' && /\bgzip\b/.test(acceptedBy(headers))
    const answer = new CallAnswer(stream, {
      contentType: headers['content-type'] ?? 'application/grpc',
      encoding: isPacked ? 'gzip' : 'identity',
      writeMsMax: parts.writeMsMax,
    })
    const remote = addressOf(stream)
    const end = observe({ path, isKnown: methods.kindOf(path) !== undefined || isHealth(path), remote })
    const onEnd = (code: number) => end(code, answer.bytes)
    try {
      const head = headOf(path, headers, raw)
      head.metadata.set(':peer.address', [remote])
      if (stream.session?.socket instanceof TLSSocket || stream.session?.encrypted === true)
        head.metadata.set(':peer.auth-type', ['tls'])
      return { stream, answer, head, isPacked, onEnd } satisfies Taken
    } catch (error) {
      const status = faultStatus(error)
      answer.end(status)
      onEnd(status.code)
      return undefined
    }
  }

  function headOf(path: string, headers: IncomingHttpHeaders, raw: readonly string[]) {
    const [, service = '', method = ''] = /^\/([^/]+)\/([^/]+)$/.exec(path) ?? []
    if (service === '') throw new StatusError(GrpcCode.unimplemented, `malformed method name: ${shown(path)}`)
    if (!isHealth(path)) checkMethod(path, service, method)
    const encoding = String(headers['grpc-encoding'] ?? 'identity')
    if (encoding !== 'identity' && encoding !== 'gzip')
      throw new StatusError(GrpcCode.unimplemented, `the encoding ${shown(encoding)} is not known`)
    const timeoutMs = timeoutOf(headers['grpc-timeout']?.toString())
    return { service, method, metadata: readMetadata(raw), encoding, timeoutMs }
  }

  function checkMethod(path: string, service: string, method: string): void {
    const kind = methods.kindOf(path)
    if (kind === 'unary') return
    const what =
      kind === 'stream'
        ? `method ${method} of service ${service} streams: workers answer unary calls only`
        : methods.services.has(service)
          ? `unknown method ${shown(method)} for service ${service}`
          : `unknown service ${shown(service)}`
    throw new StatusError(GrpcCode.unimplemented, what)
  }

  async function answerHealth({ stream, answer, head, onEnd }: Taken, method: string): Promise<void> {
    const left = new AbortController()
    stream.once('close', () => left.abort(new StatusError(GrpcCode.cancelled, 'the client left')))
    try {
      const { bytes, free } = await readMessage(
        stream,
        { encoding: head.encoding, signal: left.signal },
        parts,
      )
      free()
      const service = askedService(bytes)
      if (method === 'Watch') {
        health.watch(service, { stream, answer, onEnd })
        return
      }
      const status = method === 'List' ? health.list(answer) : health.check(service, answer)
      answer.end(status)
      onEnd(status.code)
    } catch (error) {
      const status = faultStatus(error)
      answer.end(status)
      onEnd(status.code)
    }
  }
}

/** Status of HTTP for a request other than a call. */
function refusalOf({
  ':method': method,
  'content-type': type = '',
}: IncomingHttpHeaders): number | undefined {
  if (method !== 'POST') return 405
  return contentTypePattern.test(type) ? undefined : 415
}

function acceptedBy(headers: IncomingHttpHeaders): string {
  return String(headers['grpc-accept-encoding'] ?? '')
}

const healthMethods: ReadonlySet<string> = new Set(
  ['Check', 'Watch', 'List'].map((method) => `/${healthService}/${method}`),
)

function isHealth(path: string): boolean {
  return healthMethods.has(path)
}

/** Names from outside come back in messages; a long one is cut. */
function shown(name: string): string {
  return JSON.stringify(name.slice(0, 200))
}

/** Address of the client as Go writes it; a socket file has none. */
function addressOf({ session }: ServerHttp2Stream): string {
  const { remoteAddress = '', remotePort, remoteFamily } = session?.socket ?? {}
  if (remoteAddress === '') return '@'
  const address = remoteAddress.replace(/^::ffff:(?=\d+\.)/i, '')
  return remoteFamily === 'IPv6' && address.includes(':')
    ? `[${address}]:${remotePort}`
    : `${address}:${remotePort}`
}
