/**
 * Shares the event loop between the output of all workers and other work: reading lines takes no more than a few milliseconds of
 * each turn of the loop, however much is written. The rest waits, worker by worker, for the next turn.
 */
import type { Clock } from '../core/clock.js'

/** Output that waits to be read. */
export interface PacedOutput {
  /** Reads some of the waiting output; returns whether more is waiting. */
  proceed(): boolean
}

const turnMsMax = 4

/** Gives the workers of one server their turns to be read. */
export class OutputPacer {
  readonly #clock: Clock
  /** Outputs that wait, in the order of their turns, each once. */
  #waiting: PacedOutput[] = []
  #spentMs = 0
  #isHeld = false
  #hasTurn = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** True when output may be read in this turn. */
  get hasRoom(): boolean {
    return !this.#isHeld && this.#spentMs < turnMsMax
  }

  /** Runs `read` and counts the time that it took. */
  spend<T>(read: () => T): T {
    const startedAt = this.#clock.monotonicMs()
    try {
      return read()
    } finally {
      this.#spentMs += this.#clock.monotonicMs() - startedAt
      this.#takeTurn()
    }
  }

  /** Calls `proceed` in turns to come, until it returns false. */
  wait(output: PacedOutput): void {
    this.#waiting.push(output)
    this.#takeTurn()
  }

  /** Holds all output back, or lets it go on. */
  hold(isHeld: boolean): void {
    this.#isHeld = isHeld
    this.#takeTurn()
  }

  #takeTurn(): void {
    if (this.#hasTurn) return
    this.#hasTurn = true
    setImmediate(() => this.#turn())
  }

  #turn(): void {
    this.#hasTurn = false
    this.#spentMs = 0
    for (let left = this.#waiting.length; left > 0 && this.hasRoom; left -= 1) {
      const output = this.#waiting.shift()
      if (output !== undefined && this.spend(() => output.proceed())) this.#waiting.push(output)
    }
    if (this.#waiting.length > 0 && !this.#isHeld) this.#takeTurn()
  }
}
