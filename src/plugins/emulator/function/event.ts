/** One event while it waits or runs, and the ids of events that timed out before their answer came. */
import type { Timer } from '../../../index.js'
import type { AnswerStream } from './answer-stream.js'
import { type HandedOut, type InvokeRequest, type InvokeResult, newTraceId } from './invocation.js'

/** An answer whose head has arrived and whose body is still to be read. */
export interface Ticket {
  readonly requestId: string
  /** True when the invoker reads the answer as a stream. */
  readonly isStreamRead: boolean
}

/** An event that was invoked. */
export interface Event extends Omit<HandedOut, 'deadlineMs'>, Ticket {
  readonly settle: (result: InvokeResult) => void
  readonly onStream: ((stream: AnswerStream) => void) | undefined
  deadlineMs: number
  timer: Timer | undefined
  isAnswering: boolean
  stream: AnswerStream | undefined
}

/** Makes a waiting event. */
export function newEvent(
  about: Pick<Event, 'requestId' | 'settle' | 'onStream'> & {
    readonly request: InvokeRequest
    readonly nowMs: number
  },
): Event {
  const { requestId, settle, onStream, request, nowMs } = about
  return {
    requestId,
    settle,
    onStream,
    isStreamRead: onStream !== undefined,
    body: request.body,
    clientContext: request.clientContext,
    cognitoIdentity: request.cognitoIdentity,
    tenantId: request.tenantId,
    traceId: request.traceId ?? newTraceId(nowMs),
    deadlineMs: 0,
    timer: undefined,
    isAnswering: false,
    stream: undefined,
  }
}

// Number of events for which late answers are told from wrong ones.
const lateMax = 10_000

/** Ids of the events that timed out last. */
export class LateIds {
  readonly #ids = new Set<string>()

  add(id: string): void {
    this.#ids.add(id)
    const [oldest] = this.#ids
    if (this.#ids.size > lateMax && oldest !== undefined) this.#ids.delete(oldest)
  }

  has(id: string): boolean {
    return this.#ids.has(id)
  }
}
