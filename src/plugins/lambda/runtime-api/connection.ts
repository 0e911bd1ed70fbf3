/**
 * The keep-alive connection to the Runtime API, written by hand: it costs a third of the next best client per invocation, and nothing
 * to load. Requests are answered in their order; nothing is sent twice. What a request is, and what its response means, is the
 * client's business.
 */
import { connect, type Socket } from 'node:net'
import { ErrorCode, messageOf, RelayError } from '../../../index.js'
import { HttpReader, type HttpResponse } from './http-reader.js'

/** Receiver of the response to one request; one of its functions is called, once. */
export interface ResponseSink {
  /** True for a request that a stop lets end: an answer. */
  readonly isAwaitedAtStop: boolean
  onResponse(response: HttpResponse): void
  /** `wasNext`: no other request was before it on the connection, so that the API may have begun to answer it. */
  onLost(error: RelayError, wasNext: boolean): void
}

/** Bytes of one write: `head`, the body, and `behind`, the head of a request that follows. */
export interface Outgoing {
  readonly head: string
  readonly body?: Uint8Array | string
  readonly behind?: string
  /** Called once the bytes are out. */
  readonly onSent?: (() => void) | undefined
}

const readBytes = 64 * 1024
// Lambda's events end at 6 MB; a request for more is not from Lambda.
const limits = { headBytesMax: 1024 * 1024, bodyBytesMax: 64 * 1024 * 1024 }
// Up to here a copy is cheaper than a second chunk in the same system call.
const copyBytesMax = 16 * 1024

/** Makes the error of a connection that was lost: before the answer, or refused. */
function lostError(address: string, why: string): RelayError {
  return new RelayError(ErrorCode.RuntimeApi, `the Runtime API at ${address} ${why}`, {
    details: { isLost: true },
  })
}

/** One connection at a time, made when it is needed. */
export class ApiConnection {
  readonly #address: string
  readonly #host: string
  readonly #port: number
  readonly #buffer = Buffer.allocUnsafeSlow(readBytes)
  #socket: Socket | undefined
  #reader: HttpReader | undefined
  /** Requests without a response, in their order. */
  #waiting: ResponseSink[] = []
  #isStopping = false

  /** `address`: `host:port`, as AWS_LAMBDA_RUNTIME_API says it. */
  constructor(address: string) {
    this.#address = address
    const colon = address.lastIndexOf(':')
    this.#host = address.slice(0, colon).replace(/^\[|\]$/g, '')
    this.#port = Number(address.slice(colon + 1))
  }

  /** Connects before there is a request to send. What becomes of it is told to nobody: the first request connects again where it must. */
  open(): void {
    if (this.#socket === undefined) this.#connect()
  }

  /** Sends one request, or two in one write, whose responses go to `sinks` in this order. */
  send(outgoing: Outgoing, ...sinks: readonly ResponseSink[]): void {
    this.#waiting.push(...sinks)
    write(this.#socket ?? this.#connect(), outgoing)
  }

  /** Drops the connection; the waiting requests are told `why`. */
  drop(why: string): void {
    this.#drop(lostError(this.#address, why))
  }

  /** Drops the connection as soon as nothing waits that is awaited at a stop, now and after each later request. */
  stop(): void {
    this.#isStopping = true
    this.#stopIfDone()
  }

  #stopIfDone(): void {
    if (this.#isStopping && this.#waiting[0]?.isAwaitedAtStop !== true) this.drop('was let go')
  }

  #connect(): Socket {
    const reader = new HttpReader(limits)
    const socket: Socket = connect({
      host: this.#host,
      port: this.#port,
      noDelay: true,
      keepAlive: true,
      onread: {
        buffer: this.#buffer,
        callback: (length) => {
          if (this.#socket === socket) this.#onBytes(reader, this.#buffer.subarray(0, length))
          return true
        },
      },
    })
    socket.on('error', (error) => this.#onEnd(socket, `cannot be reached: ${messageOf(error)}`))
    socket.on('end', () => this.#onEnd(socket, 'closed the connection'))
    socket.on('close', () => this.#onEnd(socket, 'closed the connection'))
    this.#socket = socket
    this.#reader = reader
    return socket
  }

  #onBytes(reader: HttpReader, bytes: Buffer): void {
    reader.push(bytes)
    // A response may end the connection, and what lies behind it is dropped then.
    while (this.#reader === reader) {
      const response = this.#read(reader)
      if (response === undefined) return
      this.#onResponse(response)
    }
  }

  #read(reader: HttpReader): HttpResponse | undefined {
    try {
      return reader.next()
    } catch (error) {
      this.drop(`does not answer in HTTP: ${messageOf(error)}`)
      return undefined
    }
  }

  /** `isOver`: the connection ends behind it. */
  #onResponse(response: HttpResponse, isOver = !response.head.isKeptAlive): void {
    const sink = this.#waiting.shift()
    if (sink === undefined) {
      this.drop('answered without a request')
      return
    }
    // The server reads nothing that was sent behind it.
    const unread = isOver ? this.#forgetSocket() : []
    sink.onResponse(response)
    for (const one of unread) one.onLost(lostError(this.#address, 'closed the connection'), false)
    this.#stopIfDone()
  }

  #onEnd(socket: Socket, why: string): void {
    if (this.#socket !== socket) return
    const response = this.#reader?.end()
    if (response !== undefined) this.#onResponse(response, true)
    if (this.#socket === socket) this.drop(why)
  }

  #drop(error: RelayError): void {
    for (const [at, sink] of this.#forgetSocket().entries()) sink.onLost(error, at === 0)
  }

  /** Closes the socket; returns the requests that waited for a response of it. */
  #forgetSocket(): readonly ResponseSink[] {
    const [socket, waiting] = [this.#socket, this.#waiting]
    this.#socket = undefined
    this.#waiting = []
    this.#reader = undefined
    socket?.destroy()
    return waiting
  }
}

function write(socket: Socket, { head, body, behind = '', onSent }: Outgoing): void {
  if (body === undefined || body.length === 0) socket.write(head + behind, 'latin1', withoutError(onSent))
  else if (typeof body === 'string') socket.write(head + body + behind)
  else if (body.length <= copyBytesMax) socket.write(joined(head, body, behind))
  else {
    socket.cork()
    socket.write(head, 'latin1')
    socket.write(body)
    if (behind !== '') socket.write(behind, 'latin1')
    socket.uncork()
  }
}

function joined(head: string, body: Uint8Array, behind: string): Buffer {
  const bytes = Buffer.allocUnsafe(head.length + body.length + behind.length)
  bytes.write(head, 0, 'latin1')
  bytes.set(body, head.length)
  bytes.write(behind, head.length + body.length, 'latin1')
  return bytes
}

/** Makes the callback of a write, which is also called with the error of a lost connection. */
function withoutError(onSent: (() => void) | undefined): ((error?: Error | null) => void) | undefined {
  return onSent && ((error) => (error ? undefined : onSent()))
}
