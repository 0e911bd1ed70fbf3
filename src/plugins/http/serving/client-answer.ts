/**
 * The port between a request that runs and the client that waits for it: whatever reads requests (node:http, our own reader of plain
 * ones) takes answers in this shape. No behaviour lives here.
 */
import type { AnswerHead } from './answer-head.js'

/** One client that waits for one answer. Every method but `write` and `hint` is called at most once, and one of them ends it. */
export interface ClientAnswer {
  /** Sends an informational head (103); the answer follows. */
  hint(head: AnswerHead): void
  /** Sends the whole answer. */
  whole(head: AnswerHead, body: Uint8Array): void
  /** Sends the head of an answer whose body follows in pieces. */
  begin(head: AnswerHead): void
  /**
   * Sends a piece. Returns undefined when another one may follow at once, else a promise that resolves when the client has taken enough.
   * Throws, or rejects, when the client has left.
   */
  write(body: Uint8Array): Promise<void> | undefined
  /** Sends the last piece of an answer that was begun. */
  end(body: Uint8Array): void
  /** Closes the connection of an answer that was begun and cannot be completed, so that the client sees that it is not whole. */
  cut(): void
}
