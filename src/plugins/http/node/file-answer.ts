/** Answers of the middleware `sendfile`: where a worker names a file in `X-Sendfile`, the file goes out instead of the body. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { resolve } from 'node:path'
import type { SendFile } from '../../../work/http/index.js'
import type { AnswerHead } from '../serving/answer-head.js'
import { ownHead } from '../serving/answer-head.js'
import type { ClientAnswer } from '../serving/client-answer.js'

/** Parts of such an answer. */
export interface FileAnswerParts {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** Takes the answers that name no file. */
  readonly plain: ClientAnswer
  readonly send: SendFile
}

const nothing = new Uint8Array(0)
// It has no length yet, and the file has its own.
const isFileHeader = (name: string) => /^x-sendfile$/i.test(name)

/** One answer. */
export class FileAnswer implements ClientAnswer {
  readonly #parts: FileAnswerParts
  #isFile = false

  constructor(parts: FileAnswerParts) {
    this.#parts = parts
  }

  hint(head: AnswerHead): void {
    this.#parts.plain.hint(head)
  }

  whole(head: AnswerHead, body: Uint8Array): void {
    if (!this.#sendNamed(head)) this.#parts.plain.whole(head, body)
  }

  begin(head: AnswerHead): void {
    this.#isFile = this.#sendNamed(head)
    if (!this.#isFile) this.#parts.plain.begin(head)
  }

  write(body: Uint8Array): Promise<void> | undefined {
    return this.#isFile ? undefined : this.#parts.plain.write(body)
  }

  end(body: Uint8Array): void {
    if (!this.#isFile) this.#parts.plain.end(body)
  }

  cut(): void {
    this.#parts.plain.cut()
  }

  /** Sends the file that the head names; false when it names none. */
  #sendNamed({ status, headers }: AnswerHead): boolean {
    const path = headers.find(([name]) => isFileHeader(name))?.[1][0]
    if (path === undefined) return false
    const { request, response, plain, send } = this.#parts
    const refuse = (why: number) => {
      for (const name of response.getHeaderNames()) response.removeHeader(name)
      plain.whole(ownHead(why), nothing)
    }
    if (/(^|\/)\.\.(\/|$)|\0/.test(path)) {
      refuse(403)
      return true
    }
    response.statusCode = status
    for (const [name, values] of headers)
      if (!isFileHeader(name)) response.setHeader(name, values.length === 1 ? (values[0] ?? '') : [...values])
    const encoded = encodeURI(resolve(path)).replace(/[?#]/g, encodeURIComponent)
    send(request, response, encoded, refuse)
    return true
  }
}
