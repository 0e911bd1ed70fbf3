/** The answer to one call on its stream of HTTP/2: headers, messages, trailers with the status. */
import { constants, type OutgoingHttpHeaders, type ServerHttp2Stream } from 'node:http2'
import { encodings } from '../wire/message.js'
import type { HeaderLists } from '../wire/metadata.js'
import { encodeMessage, GrpcCode, type GrpcStatus } from '../wire/status.js'

/** Options of an answer. */
export interface CallAnswerOptions {
  /** Type that the client sent: `application/grpc`, or one with a format behind it. */
  readonly contentType: string
  /** Encoding of the messages. */
  readonly encoding: 'identity' | 'gzip'
  readonly writeMsMax: number
}

/** One answer. The first status counts; what comes after it is dropped. */
export class CallAnswer {
  readonly #stream: ServerHttp2Stream
  readonly #options: CallAnswerOptions
  #trailers: OutgoingHttpHeaders | undefined
  #isBegun = false
  /** Bytes of messages. */
  bytes = 0

  constructor(stream: ServerHttp2Stream, options: CallAnswerOptions) {
    this.#stream = stream
    this.#options = options
  }

  /** True when a status was sent, or can no longer be sent. */
  get isOver(): boolean {
    return this.#trailers !== undefined || this.#stream.destroyed || this.#stream.closed
  }

  /** Sends the headers; messages and a status follow. */
  begin(headers: HeaderLists = {}): void {
    if (this.isOver || this.#isBegun) return
    this.#isBegun = true
    this.#stream.respond({ ...this.#head(), ...headers }, { waitForTrailers: true })
    this.#stream.once('wantTrailers', () => this.#stream.sendTrailers(this.#trailers ?? {}))
  }

  /** Sends a message, in its frame. */
  message(bytes: Buffer): void {
    if (this.isOver) return
    this.bytes += bytes.length
    this.#stream.write(bytes)
  }

  /** Ends the call. Headers that were not sent go along. */
  end(status: GrpcStatus, trailers: HeaderLists = {}): void {
    if (this.isOver) return
    this.#trailers = { ...trailers, ...statusHeaders(status) }
    const stream = this.#stream
    stream.setTimeout(this.#options.writeMsMax, () => stream.close(constants.NGHTTP2_CANCEL))
    if (this.#isBegun) stream.end()
    else stream.respond({ ...this.#head(), ...this.#trailers }, { endStream: true })
    // A client whose call was refused in the middle is asked to stop sending it.
    if (!stream.readableEnded && status.code !== GrpcCode.ok) stream.close(constants.NGHTTP2_NO_ERROR)
  }

  #head(): OutgoingHttpHeaders {
    const { contentType, encoding } = this.#options
    return {
      ':status': 200,
      'content-type': contentType,
      'grpc-accept-encoding': encodings,
      ...(encoding === 'identity' ? {} : { 'grpc-encoding': encoding }),
    }
  }
}

function statusHeaders({ code, message, details }: GrpcStatus): OutgoingHttpHeaders {
  return {
    'grpc-status': String(code),
    ...(message === '' ? {} : { 'grpc-message': encodeMessage(message) }),
    // Without padding, as gRPC writes binary headers.
    ...(details === undefined
      ? {}
      : { 'grpc-status-details-bin': details.toString('base64').replace(/=+$/, '') }),
  }
}
