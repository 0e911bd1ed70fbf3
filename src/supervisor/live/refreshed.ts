/** A value that costs something to read: read again when it is asked for and too old, and never waited for longer than a moment. */
import { type Clock, sleep } from '../../core/clock.js'

/** Options of a value. */
export interface RefreshedOptions<T> {
  readonly clock: Clock
  /** Age in ms from which it is read again. */
  readonly ageMsMax: number
  /** The longest wait for the first reading in ms. */
  readonly waitMsMax: number
  /** Value until it was read. */
  readonly first: T
  /** Reads it. When it rejects, the last value stays. */
  readonly read: () => Promise<T>
}

/** The value with its last reading. */
export class Refreshed<T> {
  readonly #options: RefreshedOptions<T>
  #value: T
  #readAt = Number.NEGATIVE_INFINITY
  #reading: Promise<void> | undefined

  constructor(options: RefreshedOptions<T>) {
    this.#options = options
    this.#value = options.first
  }

  /** Returns the last value, and begins to read it again if it is old. Only the first caller waits. */
  async get(): Promise<T> {
    const { clock, ageMsMax, waitMsMax } = this.#options
    const isFirst = this.#readAt === Number.NEGATIVE_INFINITY
    if (this.#reading === undefined && clock.monotonicMs() - this.#readAt >= ageMsMax)
      this.#reading = this.#read()
    if (isFirst && this.#reading !== undefined) {
      const end = new AbortController()
      await Promise.race([this.#reading, sleep(clock, waitMsMax, end.signal)])
      end.abort()
    }
    return this.#value
  }

  async #read(): Promise<void> {
    const { clock, read } = this.#options
    try {
      this.#value = await read()
    } catch {
      // What is read says itself where it cannot be had; the last value is the best that there is.
    }
    this.#readAt = clock.monotonicMs()
    this.#reading = undefined
  }
}
