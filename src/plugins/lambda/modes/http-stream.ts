/** The head of a streamed HTTP answer, as Function URLs and API Gateway take it, and the way back to one buffered answer. Pure. */
import { ErrorCode, RelayError, type Reply } from '../../../index.js'
import { decodeReply, type HttpReplyHead } from '../../../work/http/message.js'
import type { HttpSource } from '../../../work/http/request.js'
import { encodeHead, type HttpCall, hasBody } from '../../../work/http/response.js'
import { resultBytesMax } from '../answer/answer.js'
import type { StreamForm, StreamHead } from '../answer/streamed-answer.js'

/** AWS's name of a stream that begins with an HTTP head. */
const httpStreamType = 'application/vnd.awslambda.http-integration-response'
/** Between the head and the body. */
const separator = Buffer.alloc(8)

/** Whether who calls from there can take a stream; the others would take its head for a body. */
export function takesStream(source: HttpSource): boolean {
  return source === 'api-gateway-v1' || source === 'api-gateway-v2'
}

/** Whether an answer is over with this status: 1xx ones are hints that another follows. */
export function isFinal(status: number): boolean {
  return status >= 200
}

/** The form of answers to such a call. */
export function httpStreamForm(call: HttpCall): Pick<StreamForm, 'headOf'> {
  return {
    headOf: ({ context }): StreamHead | undefined => {
      const head = decodeReply(context)
      if (!isFinal(head.status)) return undefined
      return {
        contentType: httpStreamType,
        prelude: [Buffer.from(JSON.stringify(encodeHead(call, head))), separator],
        hasBody: hasBody(call, head.status),
      }
    },
  }
}

/** Puts the frames of a stream together again, where the answer goes out whole. */
export class ChunkCollector {
  readonly #isHead: (context: Uint8Array) => boolean
  readonly #bodies: Uint8Array[] = []
  #head: Uint8Array | undefined
  #bytes = 0
  #fault: RelayError | undefined

  /** `isHead`: whether the answer begins with this frame; frames before it are dropped. */
  constructor(isHead: (context: Uint8Array) => boolean = mayBeFinal) {
    this.#isHead = isHead
  }

  /** Why nothing will come of it; undefined while something may. */
  get fault(): RelayError | undefined {
    return this.#fault
  }

  /** Takes a frame. Throws RR_IPC_FRAME_TOO_LARGE when the whole would be more than Lambda takes, and from then on. */
  take({ context, body }: Reply): void {
    if (this.#fault !== undefined) throw this.#fault
    if (this.#head === undefined && !this.#isHead(context)) return
    this.#head ??= context
    this.#bytes += body.length
    if (this.#bytes > resultBytesMax) {
      const text = `a streamed answer has more than ${resultBytesMax} bytes, which is what Lambda takes at once`
      this.#bodies.length = 0
      this.#fault = new RelayError(ErrorCode.FrameTooLarge, text, {
        hint: 'Set `lambda.streaming: on`, or let the worker answer with less.',
      })
      throw this.#fault
    }
    this.#bodies.push(body)
  }

  /** The whole, its last frame included. Throws what `take` threw. */
  whole(last: Reply): Reply {
    if (this.#fault !== undefined) throw this.#fault
    if (this.#head === undefined) return last
    return { context: this.#head, body: Buffer.concat([...this.#bodies, last.body]), flags: last.flags }
  }
}

function mayBeFinal(context: Uint8Array): boolean {
  let head: HttpReplyHead
  try {
    head = decodeReply(context)
  } catch {
    // Told when the whole is read.
    return true
  }
  return isFinal(head.status)
}
