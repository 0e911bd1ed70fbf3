/** The way out of one worker: it is asked to stop, and its processes are forced out when it does not, or must not be asked. */
import type { Timer } from '../../core/clock.js'
import { stopRequest } from '../../ipc/control.js'
import type { Relay } from '../../ipc/relay.js'
import { endWithin, type Farewell } from './kill.js'
import type { WorkerOptions } from './worker-options.js'

/** Ends one worker. What is under way ends with `callOff`. */
export class Ending {
  readonly #options: Pick<WorkerOptions<unknown>, 'process' | 'clock' | 'stopTimeoutMs'>
  #timer: Timer | undefined
  /** How it is ended when its job ran out of time; undefined: by SIGKILL at once. */
  #farewell: Farewell | undefined

  constructor(options: Pick<WorkerOptions<unknown>, 'process' | 'clock' | 'stopTimeoutMs'>) {
    this.#options = options
  }

  /** The next `force` says good-bye like this. */
  soften(farewell: Farewell): void {
    this.#farewell = farewell
  }

  /** Lets the next `force` give the process `graceMs` to end by itself; `onOverdue` is called before it is killed because it did not. */
  awaitOwnEnd(graceMs: number, onOverdue: () => void): void {
    this.#farewell = { graceMs, stackSignal: undefined, onOverdue }
  }

  /** The stop message; `onLate` is called when `stopTimeoutMs` have passed. */
  ask(relay: Relay, onLate: () => void): void {
    const { clock, stopTimeoutMs } = this.#options
    relay.send(stopRequest)
    this.#timer = clock.timer(stopTimeoutMs, onLate)
  }

  force(): void {
    const { process, clock } = this.#options
    const farewell = this.#farewell
    // Whoever kills it again has no patience left.
    this.#farewell = undefined
    if (farewell === undefined || farewell.graceMs === 0) process.kill()
    else this.#timer = endWithin(process, clock, farewell)
  }

  /** What was begun is not waited for any more: it has gone on, or it is gone. */
  callOff(): void {
    this.#timer?.clear()
  }
}
