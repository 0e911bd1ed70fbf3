/** One event while it waits or is in hand, and the ids of those whose time was over before their answer came. */
import type { Timer } from '../../../index.js'
import type { AnswerStream } from './answer-stream.js'
import { type HandedOut, type InvokeRequest, type InvokeResult, newTraceId } from './invocation.js'

/** An answer whose head has come: its body is still to be read. */
export interface Ticket {
  readonly requestId: string
  /** The invoker reads pieces as they come. */
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

/** An event that waits from now on. */
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

// Late answers are told from wrong ones for as many events.
const lateMax = 10_000

/** The ids of events whose time was over, the latest of them. */
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
