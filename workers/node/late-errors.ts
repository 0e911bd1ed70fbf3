/**
 * Errors that nobody caught, and the call that each belongs to: told by the asynchronous context in which it was thrown, so that an
 * earlier event's timer does not fail the event that happens to run.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { reportError } from './error-text.js'
import { RuntimeFault } from './handler-errors.js'
import { log } from './serving.js'

/** A call as far as its errors are concerned. */
export interface WatchedCall {
  readonly requestId: string
  isAnswered: boolean
  fail(error: unknown): void
}

/** Watches the calls of one worker. */
export class LateErrors {
  readonly #calls = new AsyncLocalStorage<WatchedCall>()
  readonly #onUnfit: () => void
  #current: WatchedCall | undefined

  /** `onUnfit`: this process may be in any state now, and should take no further job. */
  constructor(onUnfit: () => void) {
    this.#onUnfit = onUnfit
    process.on('uncaughtException', (error) => this.#take(error))
    process.on('unhandledRejection', (reason) => this.#take(rejected(reason)))
  }

  /** Runs a call; what it throws later is its own. */
  run<T>(call: WatchedCall, body: () => T): T {
    this.#current = call
    return this.#calls.run(call, body)
  }

  #take(error: unknown): void {
    // Thrown outside of any call (a client that was made when the module was loaded): it is the one that runs.
    const call = this.#calls.getStore() ?? this.#current
    this.#onUnfit()
    if (call !== undefined && !call.isAnswered) call.fail(error)
    else tell(error, call)
  }
}

function tell(error: unknown, call: WatchedCall | undefined): void {
  const report = reportError(error)
  const when = call === undefined ? 'outside of any event' : `after the answer to ${call.requestId}`
  const text = `an error that nobody caught was thrown ${when}: ${report.errorType}: ${report.errorMessage}`
  log('error', text, { ...report, ...(call === undefined ? {} : { thrownBy: call.requestId }) })
}

function rejected(reason: unknown): RuntimeFault {
  const { errorType, errorMessage } = reportError(reason)
  const fault = new RuntimeFault('UnhandledPromiseRejection', `${errorType}: ${errorMessage}`, {
    cause: reason,
  })
  // Where it was rejected is of use; where we heard of it is not.
  if (reason instanceof Error && typeof reason.stack === 'string') fault.stack = reason.stack
  return fault
}
