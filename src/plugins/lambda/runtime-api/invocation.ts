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
  const { requestId } = headers
  if (!requestId) {
    throw new RelayError(ErrorCode.RuntimeApi, 'the Runtime API handed out an event without a request id', {
      details: { status },
    })
  }
  const deadlineMs = Number(headers.deadlineMs)
  return {
    requestId: ownText(requestId),
    deadlineMs: Number.isFinite(deadlineMs) && deadlineMs > 0 ? deadlineMs : undefined,
    functionArn: headers.functionArn || undefined,
    traceId: headers.traceId || undefined,
    clientContext: utf8(headers.clientContext),
    cognitoIdentity: utf8(headers.cognitoIdentity),
    tenantId: headers.tenantId || undefined,
    body,
  }
}

/**
 * Returns the text as a string of its own: what was cut out of a head keeps the whole head in memory, and the ledger keeps the ids of
 * hundreds of events.
 */
function ownText(text: string): string {
  return ` ${text}`.slice(1)
}

/** Header bytes were read one character each. */
function utf8(header: string | undefined): string | undefined {
  return header ? Buffer.from(header, 'latin1').toString('utf8') : undefined
}
