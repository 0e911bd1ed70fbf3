/** The head of a streamed HTTP answer, as Function URLs and API Gateway take it, and the way back to one buffered answer. Pure. */
import type { Reply } from '../../../index.js'
import { resultBytesMax } from '../answer.js'
import type { StreamForm, StreamHead } from '../streamed-answer.js'
import { decodeReply, type HttpReplyHead } from './message.js'
import type { HttpSource } from './request.js'
import { headersFor } from './response.js'

/** AWS's name of a stream that begins with an HTTP head. */
export const httpStreamType = 'application/vnd.awslambda.http-integration-response'
/** Between the head and the body. */
const separator = Buffer.alloc(8)
const finalStatusMin = 200

/** The form of answers to events of `source`. */
export function httpStreamForm(source: HttpSource): StreamForm {
  return {
    headOf: ({ context }): StreamHead | undefined => {
      const head = decodeReply(context)
      if (head.status < finalStatusMin) return undefined
      const json = JSON.stringify({
        statusCode: head.status,
        ...headersFor(source, head.status, head.headers),
      })
      return { contentType: httpStreamType, prelude: Buffer.concat([Buffer.from(json), separator]) }
    },
  }
}

/** Puts the frames of a stream together again, where the answer goes out whole. */
export class ChunkCollector {
  readonly #bodies: Uint8Array[] = []
  #head: Uint8Array | undefined
  #bytes = 0

  /** Takes a frame. Throws when the whole would be more than Lambda takes. */
  take({ context, body }: Reply): void {
    if (this.#head === undefined && !isFinal(context)) return
    this.#head ??= context
    this.#bytes += body.length
    if (this.#bytes > resultBytesMax)
      throw new Error(`a streamed answer is over ${resultBytesMax} bytes; set \`lambda.streaming: on\``)
    this.#bodies.push(body)
  }

  /** The whole, its last frame included. */
  whole(last: Reply): Reply {
    if (this.#head === undefined) return last
    return { context: this.#head, body: Buffer.concat([...this.#bodies, last.body]), flags: last.flags }
  }
}

function isFinal(context: Uint8Array): boolean {
  let head: HttpReplyHead
  try {
    head = decodeReply(context)
  } catch {
    // Told when the whole is read.
    return true
  }
  return head.status >= finalStatusMin
}
