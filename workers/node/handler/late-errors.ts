/**
 * Assigns uncaught errors to calls, by the asynchronous context in which they were thrown, so that a timer of an earlier event
 * does not fail the event that happens to run.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { reportError } from '../error-text.js'
import { log } from '../serving.js'
import { RuntimeFault } from './errors.js'

/** Call that an uncaught error can fail. */
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

  /** Calls `onUnfit` after an uncaught error: the process may be in any state, and should take no further job. */
  constructor(onUnfit: () => void) {
    this.#onUnfit = onUnfit
    process.on('uncaughtException', (error) => this.#take(error))
    process.on('unhandledRejection', (reason) => this.#take(rejected(reason)))
  }

  /** Runs a call; errors that it throws later are assigned to it. */
  run<T>(call: WatchedCall, body: () => T): T {
    this.#current = call
    return this.#calls.run(call, body)
  }

  #take(error: unknown): void {
    // Thrown outside of any call (by a client that was made when the module was loaded): assign it to the running call.
    const call = this.#calls.getStore() ?? this.#current
    this.#onUnfit()
    if (call !== undefined && !call.isAnswered) call.fail(error)
    else tell(error, call)
  }
}

function tell(error: unknown, call: WatchedCall | undefined): void {
  const report = reportError(error)
  const when = call === undefined ? 'outside of any event' : `after the answer to ${call.requestId}`
  const text = `an uncaught error was thrown ${when}: ${report.errorType}: ${report.errorMessage}`
  log('error', text, { ...report, ...(call === undefined ? {} : { thrownBy: call.requestId }) })
}

function rejected(reason: unknown): RuntimeFault {
  const { errorType, errorMessage } = reportError(reason)
  const fault = new RuntimeFault('UnhandledPromiseRejection', `${errorType}: ${errorMessage}`, {
    cause: reason,
  })
  // The place of the rejection is useful; the place of our listener is not.
  if (reason instanceof Error && typeof reason.stack === 'string') fault.stack = reason.stack
  return fault
}
