/** Remembers the heads of replies by their bytes: most answers of an application have one of a few heads. */
import { decodeReply } from '../../../work/http/index.js'
import { type AnswerHead, answerHead } from './answer-head.js'

const headsMax = 256
const bytesMax = 1024

/** A memory of heads. The same bytes give the same object, so that others can remember what they made of it. */
export class HeadMemory {
  readonly #heads = new Map<string, AnswerHead>()

  /** Reads the head of a reply; throws an `Error` with a sentence when it is not one. */
  read(context: Uint8Array): AnswerHead {
    const bytes = Buffer.from(context.buffer, context.byteOffset, context.length)
    if (bytes.length > bytesMax) return answerHead(decodeReply(bytes))
    const key = bytes.toString('latin1', 0, bytes.length)
    const known = this.#heads.get(key)
    if (known !== undefined) return known
    const made = answerHead(decodeReply(bytes))
    // Heads that differ each time (a cookie, a date) push out the others now and then.
    if (this.#heads.size >= headsMax) this.#heads.clear()
    this.#heads.set(key, made)
    return made
  }
}
