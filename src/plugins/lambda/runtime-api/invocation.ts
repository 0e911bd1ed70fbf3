/** One event as the Runtime API hands it out. Pure. */
import { ErrorCode, RelayError } from '../../../index.js'
import type { HttpResponse } from './http-reader.js'

/** One event as it was handed out. Absent and empty headers are both `undefined`. */
export interface Invocation {
  readonly requestId: string
  /** Milliseconds since the epoch. */
  readonly deadlineMs: number | undefined
  readonly functionArn: string | undefined
  readonly traceId: string | undefined
  readonly clientContext: string | undefined
  readonly cognitoIdentity: string | undefined
  readonly tenantId: string | undefined
  /** The event, in a buffer that nothing else uses. */
  readonly body: Buffer
}

/** Reads the response to `/next`. Throws RR_RUNTIME_API with its status for any other. */
export function readInvocation({ head, body }: HttpResponse): Invocation {
  const { status, headers } = head
  if (status !== 200) {
    const text = `the Runtime API answered /next with ${status}: ${body.toString('utf8', 0, 300)}`
    throw new RelayError(ErrorCode.RuntimeApi, text, { details: { status } })
  }
  const requestId = headers.requestId || undefined
  if (requestId === undefined) {
    throw new RelayError(ErrorCode.RuntimeApi, 'the Runtime API handed out an event without a request id', {
      details: { status },
    })
  }
  const deadlineMs = Number(headers.deadlineMs)
  return {
    requestId,
    deadlineMs: Number.isFinite(deadlineMs) && deadlineMs > 0 ? deadlineMs : undefined,
    functionArn: headers.functionArn || undefined,
    traceId: headers.traceId || undefined,
    clientContext: utf8(headers.clientContext),
    cognitoIdentity: utf8(headers.cognitoIdentity),
    tenantId: headers.tenantId || undefined,
    body,
  }
}

/** Header bytes were read one character each. */
function utf8(header: string | undefined): string | undefined {
  return header ? Buffer.from(header, 'latin1').toString('utf8') : undefined
}
