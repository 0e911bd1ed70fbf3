/** The head of a streamed HTTP answer, as Function URLs and API Gateway take it, and which frame begins it. Pure. */
import { decodeReply, type HttpReplyHead } from '../../../work/http/message.js'
import type { HttpSource } from '../../../work/http/request.js'
import { encodeHead, type HttpCall, hasBody } from '../../../work/http/response.js'
import type { StreamForm, StreamHead } from '../answer/streamed-answer.js'

/** AWS's name of a stream that begins with an HTTP head. */
const httpStreamType = 'application/vnd.awslambda.http-integration-response'
/** Between the head and the body. */
const separator = Buffer.alloc(8)

/** True for sources whose callers can read a stream; others would read its head as a body. */
export function takesStream(source: HttpSource): boolean {
  return source === 'api-gateway-v1' || source === 'api-gateway-v2'
}

/** True for a status that ends an answer: 1xx are hints that another one follows. */
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

/** Tells whether an answer may begin with a frame of this context; hints (1xx) come before it. */
export function mayBeFinal(context: Uint8Array): boolean {
  let head: HttpReplyHead
  try {
    head = decodeReply(context)
  } catch {
    // Reported when the whole answer is read.
    return true
  }
  return isFinal(head.status)
}
