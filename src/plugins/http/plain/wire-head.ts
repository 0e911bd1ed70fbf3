/** Heads of answers as bytes on a connection of HTTP/1.1. */
import { STATUS_CODES } from 'node:http'
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
