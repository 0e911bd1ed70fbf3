/** Heads of answers as bytes on a connection of HTTP/1.1. */
import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { AnswerHead } from '../serving/answer-head.js'

const texts = new WeakMap<AnswerHead, string>()

/** The status line and the headers of a head, without those of the framing and the end; remembered. */
export function headText(head: AnswerHead): string {
  const known = texts.get(head)
  if (known !== undefined) return known
  let text = `HTTP/1.1 ${head.status} ${STATUS_CODES[head.status] ?? 'Unknown'}\r\n`
  for (const [name, values] of head.headers) for (const value of values) text += `${name}: ${value}\r\n`
  texts.set(head, text)
  return text
}

/** The end of a chunked body, with its trailers. */
export function lastChunk(trailers: AnswerHead['trailers']): string {
  const lines = trailers.flatMap(([name, values]) => values.map((value) => `${name}: ${value}\r\n`))
  return `0\r\n${lines.join('')}\r\n`
}

/** Makes the line `Date`, once a second. */
export class DateLine {
  readonly #nowMs: () => number
  #second = 0
  #line = ''

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  /** The line for this second, with its end. */
  get text(): string {
    const second = Math.floor(this.#nowMs() / 1000)
    if (second !== this.#second) {
      this.#second = second
      this.#line = `Date: ${new Date(second * 1000).toUTCString()}\r\n`
    }
    return this.#line
  }
}

// Above, head and body go out as two pieces of one write.
const copyBytesMax = 16 * 1024

/** Writes a head and a whole body in one write. */
export function writeAnswer(socket: Socket, head: string, body: Uint8Array): void {
  if (body.length > copyBytesMax) {
    socket.cork()
    socket.write(head, 'latin1')
    socket.write(body)
    socket.uncork()
    return
  }
  const bytes = Buffer.allocUnsafe(head.length + body.length)
  bytes.write(head, 0, 'latin1')
  bytes.set(body, head.length)
  socket.write(bytes)
}
