/** Errors of jobs → what the client is answered. Where RoadRunner says 500 to all of them, the status says whose fault it was. Pure. */
import { ErrorCode, hasCode } from '../../../index.js'
import { type AnswerHead, ownHead } from './answer-head.js'

/** Settings of answers to faults. */
export interface FaultSettings {
  /** `http.internal_error_code`: the status of every fault of a pool; undefined when the file has none. */
  readonly status: number | undefined
  /** True when the text of the error is shown: the pool is in debug mode. */
  readonly isShown: boolean
}

/** Seconds after which a client that found no free worker may try again. */
const retryAfterS = 1

const statuses: readonly (readonly [code: ErrorCode, status: number])[] = [
  [ErrorCode.PoolNoWorkers, 503],
  [ErrorCode.PoolQueueFull, 503],
  [ErrorCode.PoolStopped, 503],
  [ErrorCode.WorkerTimeout, 504],
  [ErrorCode.WorkerCrashed, 502],
  [ErrorCode.BadFrame, 502],
]

/** The status that says what went wrong: 503 no worker was free, 504 it took too long, 502 the worker died or answered nonsense, 500 it failed. */
export function statusOf(error: unknown): number {
  return statuses.find(([code]) => hasCode(error, code))?.[1] ?? 500
}

/** Makes the head of the answer to a fault. `No-Workers` is RoadRunner's. */
export function faultHead(error: unknown, { status: asked }: FaultSettings): AnswerHead {
  const status = statusOf(error)
  const isBusy = hasCode(error, ErrorCode.PoolNoWorkers) || hasCode(error, ErrorCode.PoolQueueFull)
  return ownHead(asked ?? status, {
    'Content-Type': 'text/plain; charset=utf-8',
    ...(status === 503 ? { 'Retry-After': String(retryAfterS) } : {}),
    ...(isBusy ? { 'No-Workers': 'true' } : {}),
  })
}

/** The body of that answer: empty, or in debug mode the error's text. */
export function faultText(error: Error, { isShown }: FaultSettings): string {
  return isShown ? `${error.message}\n` : ''
}
