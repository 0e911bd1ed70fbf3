/** Ends a worker: asks it to stop, and kills its processes when it does not, or must not be asked. */
import type { Timer } from '../../core/clock.js'
import { stopRequest } from '../../ipc/control.js'
import type { Relay } from '../../ipc/relay.js'
import { endWithin, type Termination } from './kill.js'
import type { WorkerOptions } from './worker-options.js'

/** Ends one worker. `callOff` cancels pending timers. */
export class Ending {
  readonly #options: Pick<WorkerOptions<unknown>, 'process' | 'clock' | 'stopTimeoutMs'>
  #timer: Timer | undefined
  /** Termination of a worker whose job ran out of time; undefined: SIGKILL at once. */
  #termination: Termination | undefined

  constructor(options: Pick<WorkerOptions<unknown>, 'process' | 'clock' | 'stopTimeoutMs'>) {
    this.#options = options
  }

  /** Sets the termination that the next `force` uses. */
  soften(termination: Termination): void {
    this.#termination = termination
  }

  /** Lets the next `force` give the process `graceMs` to end by itself; `onOverdue` is called before it is killed because it did not. */
  awaitOwnEnd(graceMs: number, onOverdue: () => void): void {
    this.#termination = { graceMs, stackSignal: undefined, onOverdue }
  }

  /** Sends the stop message; calls `onLate` when `stopTimeoutMs` have passed. */
  ask(relay: Relay, onLate: () => void): void {
    const { clock, stopTimeoutMs } = this.#options
    relay.send(stopRequest)
    this.#timer = clock.timer(stopTimeoutMs, onLate)
  }

  force(): void {
    const { process, clock } = this.#options
    const termination = this.#termination
    // A second call kills at once.
    this.#termination = undefined
    if (termination === undefined || termination.graceMs === 0) process.kill()
    else this.#timer = endWithin(process, clock, termination)
  }

  /** Cancels the pending stop or kill timer. */
  callOff(): void {
    this.#timer?.clear()
  }
}
