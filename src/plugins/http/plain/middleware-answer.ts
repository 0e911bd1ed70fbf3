/**
 * The answer of a plain request that stands behind middleware: most get some headers and go out as they are, others need the middleware itself
 * and go through objects of node:http.
 */
import type { Dressing, PlainMiddleware } from '../middleware/plain-middleware.js'
import type { AnswerHead } from '../serving/answer-head.js'
import type { ClientAnswer } from '../serving/client-answer.js'
import type { RequestLook } from '../serving/request-look.js'

/** Parts of such an answer. */
export interface MiddlewareAnswerParts {
  readonly middleware: PlainMiddleware
  readonly dressing: Dressing
  /** The request, which outlives the reading of its head; undefined where nothing takes answers. */
  readonly request: RequestLook | undefined
  readonly plain: ClientAnswer
  /** Lets the middleware have the answer; undefined when one of them has answered itself. */
  readonly take: () => ClientAnswer | undefined
}

/** One answer. */
export class MiddlewareAnswer implements ClientAnswer {
  readonly #parts: MiddlewareAnswerParts
  #to: ClientAnswer | undefined

  constructor(parts: MiddlewareAnswerParts) {
    this.#parts = parts
  }

  hint(head: AnswerHead): void {
    this.#parts.plain.hint(head)
  }

  whole(head: AnswerHead, body: Uint8Array): void {
    const dressed = this.#choose(head, body.length)
    this.#to?.whole(dressed, body)
  }

  begin(head: AnswerHead): void {
    const dressed = this.#choose(head, undefined)
    this.#to?.begin(dressed)
  }

  write(body: Uint8Array): Promise<void> | undefined {
    return this.#to?.write(body)
  }

  end(body: Uint8Array): void {
    this.#to?.end(body)
  }

  cut(): void {
    ;(this.#to ?? this.#parts.plain).cut()
  }

  /** Chooses where the answer goes, and returns the head that it has there. */
  #choose(given: AnswerHead, bytes: number | undefined): AnswerHead {
    const { middleware, dressing, request, plain, take } = this.#parts
    const { head, takers } = middleware.dress(given, dressing)
    if (request !== undefined)
      for (const takes of takers)
        if (takes(request, bytes)) {
          this.#to = take()
          // The middleware adds its headers itself.
          return given
        }
    this.#to = plain
    return head
  }
}
