/** Collects undo functions and runs them in reverse order, whatever fails on the way. */
import { messageOf } from './errors.js'

/** A pile of undos. */
export class Scope {
  readonly #undos: (() => unknown)[] = []

  /** Registers an undo: write it on the line after what it undoes. */
  defer(undo: () => unknown): void {
    this.#undos.push(undo)
  }

  /** Runs all undos, last first; resolves with every failure, and one failure does not stop the others. */
  async close(): Promise<readonly Error[]> {
    const failures: Error[] = []
    for (let undo = this.#undos.pop(); undo !== undefined; undo = this.#undos.pop()) {
      try {
        await undo()
      } catch (error) {
        failures.push(error instanceof Error ? error : new Error(messageOf(error)))
      }
    }
    return failures
  }
}
