/** Bounds the memory that the bodies of all requests of a server take together. */

/** Room for the bodies of all requests together. */
export class BodyBudget {
  readonly #bytesMax: number
  #bytes = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /** Takes room for so many bytes more; false when there is none. */
  take(bytes: number): boolean {
    if (this.#bytes + bytes > this.#bytesMax) return false
    this.#bytes += bytes
    return true
  }

  /** Gives room back. */
  giveBack(bytes: number): void {
    this.#bytes -= bytes
  }
}
