/** The signal by which a request gives up its place in the line. */

/**
 * Part of an `AbortSignal` that the line needs: one listener. An `AbortController` costs as much as everything else that is done for a request
 * that waits.
 */
export class LeaveSignal {
  aborted = false
  #listener: (() => void) | undefined

  addEventListener(_type: 'abort', listener: () => void): void {
    this.#listener = listener
  }

  removeEventListener(_type: 'abort', listener: () => void): void {
    if (this.#listener === listener) this.#listener = undefined
  }

  /** Gives up. */
  abort(): void {
    if (this.aborted) return
    this.aborted = true
    this.#listener?.()
  }

  /** The same as an `AbortSignal`, of which pools use nothing else. */
  get signal(): AbortSignal {
    return this as unknown as AbortSignal
  }
}
