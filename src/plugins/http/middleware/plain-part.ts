/**
 * Work of a built-in middleware on plain requests, which no object of node:http stands for: the same description as that of its `handle`,
 * over the few things of a request that it looks at. No behaviour lives here.
 */
import type { HttpMiddleware } from '../../../index.js'
import type { AnswerHead } from '../serving/answer-head.js'
import type { RequestLook } from '../serving/request-look.js'

/** Headers of an answer, under a name by which they can be remembered. */
export interface AddedFields {
  readonly key: string
  readonly fields: readonly (readonly [name: string, value: string])[]
}

/** Ends the measurement of a request: its status, and true when it found no free worker. */
export type Measurement = (status: number, isRefused: boolean) => void

/** Part of one middleware; each key is absent where it does nothing of the kind. */
export interface PlainPart {
  /** True for a request that `handle` is to have, as it answers that itself. */
  readonly answers?: (look: RequestLook) => boolean
  /** Headers that workers are told beside those of the client. */
  readonly told?: readonly (readonly [name: string, value: string])[]
  /** The client's address, given that of the connection. */
  readonly addressOf?: (look: RequestLook, address: string) => string
  /** Headers of the answer; those of the worker win. */
  readonly addedTo?: (look: RequestLook) => AddedFields
  /** Changes the head of an answer, always in the same way. */
  readonly change?: (head: AnswerHead) => AnswerHead
  /**
   * True for an answer that `handle` is to have in its hands; `bytes` undefined: a stream. What does not depend on the request is decided
   * once for each head.
   */
  readonly takes?: (
    head: AnswerHead,
  ) => ((look: RequestLook, bytes: number | undefined) => boolean) | undefined
  /** Begins to measure a request. */
  readonly measure?: () => Measurement
}

/** A middleware that both readers run. */
export interface BuiltInMiddleware extends HttpMiddleware {
  readonly plain: PlainPart
}
