/** Ends a worker: a stop message, then SIGTERM, then SIGKILL, each when what came before did not end it in time. */
import type { Clock, Timer } from '../../core/clock.js'
import { stopRequest } from '../../ipc/control.js'
import type { Relay } from '../../ipc/relay.js'
import type { WorkerProcess } from './os/process.js'
import { requestStack, type StackSignal } from './stack-request.js'

/** Parts of a termination. */
export interface TerminationOptions {
  readonly process: WorkerProcess
  readonly clock: Clock
  /** Longest time to leave after the stop message, in ms. */
  readonly stopTimeoutMs: number
}

/** Grace period of a worker between SIGTERM and SIGKILL. */
export interface Grace {
  /** Duration in ms; 0 is SIGKILL at once. */
  readonly graceMs: number
  /** Signal that makes the worker print its stack before SIGTERM. */
  readonly stackSignal: StackSignal | undefined
}

// The stack is printed by the process itself, which SIGTERM ends: it needs a moment in between.
const stackMs = 50

/** Termination of one worker. */
export class Termination {
  readonly #options: TerminationOptions
  #timer: Timer | undefined
  /** Next step of `force`; undefined: SIGKILL at once. */
  #soft: (() => Timer) | undefined

  constructor(options: TerminationOptions) {
    this.#options = options
  }

  /** Sends the stop message; calls `onLate` when `stopTimeoutMs` have passed. */
  requestStop(relay: Relay, onLate: () => void): void {
    const { clock, stopTimeoutMs } = this.#options
    relay.send(stopRequest)
    this.#timer = clock.timer(stopTimeoutMs, onLate)
  }

  /** Calls `onLate` when a worker that has said that it leaves has not done so within `stopTimeoutMs`. */
  awaitLeaving(onLate: () => void): void {
    const { clock, stopTimeoutMs } = this.#options
    this.#timer = clock.timer(stopTimeoutMs, onLate)
  }

  /** Lets the next `force` begin with SIGTERM. */
  setGrace(grace: Grace): void {
    this.#soft = grace.graceMs === 0 ? undefined : () => this.#terminate(grace)
  }

  /** Lets the next `force` wait until the worker ends by itself; calls `onOverdue` before it is killed because it did not. */
  setOwnEnd(graceMs: number, onOverdue: () => void): void {
    if (graceMs === 0) return
    const { clock, process } = this.#options
    this.#soft = () =>
      clock.timer(graceMs, () => {
        onOverdue()
        process.kill()
      })
  }

  /** Ends the process group; a second call does not wait for the grace period. */
  force(): void {
    const soft = this.#soft
    this.#soft = undefined
    if (soft === undefined) this.#options.process.kill()
    else this.#timer = soft()
  }

  /** Cancels the pending stop or kill timer. */
  cancel(): void {
    this.#timer?.clear()
  }

  #terminate({ graceMs, stackSignal }: Grace): Timer {
    const { clock, process } = this.#options
    const gapMs = requestStack(process.id, stackSignal) ? Math.min(stackMs, graceMs) : 0
    let timer: Timer
    const terminate = () => {
      process.terminate()
      timer = clock.timer(graceMs - gapMs, () => process.kill())
    }
    if (gapMs > 0) timer = clock.timer(gapMs, terminate)
    else terminate()
    return { clear: () => timer.clear() }
  }
}
