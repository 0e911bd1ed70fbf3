/**
 * Gathers items for the calls of a server that take several. What is added in one turn goes together; while a call is under way, what comes
 * meanwhile waits for its end, or until it fills a call of its own. So a quiet queue waits for nothing, and a busy one needs few calls.
 */

/** Options of batches. */
export interface CallBatchesOptions<T, R> {
  /** Makes one call. One answer an item, in their order; a rejection is that of each item. */
  readonly call: (batch: readonly T[]) => Promise<readonly R[]>
  /** Items of one call at most. */
  readonly countMax: number
  /** Bytes of an item, where a call is limited by them, too. */
  readonly bytesOf?: (item: T) => number
  readonly bytesMax?: number
  /** One call after the other, so that items keep their order. */
  readonly isOrdered?: boolean
}

interface Waiting<T, R> {
  readonly item: T
  readonly bytes: number
  readonly resolve: (answer: R) => void
  readonly reject: (error: unknown) => void
}

/** Batches of one kind of call. */
export class CallBatches<T, R> {
  readonly #options: CallBatchesOptions<T, R>
  #waiting: Waiting<T, R>[] = []
  #openCount = 0
  #isScheduled = false

  constructor(options: CallBatchesOptions<T, R>) {
    this.#options = options
  }

  /** Resolves with the answer for this item; rejects when its call failed. */
  add(item: T): Promise<R> {
    const { bytesOf } = this.#options
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, bytes: bytesOf?.(item) ?? 0, resolve, reject })
      if (this.#isScheduled) return
      this.#isScheduled = true
      queueMicrotask(() => {
        this.#isScheduled = false
        this.#flush()
      })
    })
  }

  #flush(): void {
    const { countMax, isOrdered = false } = this.#options
    while (this.#waiting.length > 0) {
      const isFull = this.#waiting.length >= countMax && !isOrdered
      if (this.#openCount > 0 && !isFull) return
      void this.#call(this.#takeBatch())
    }
  }

  /** Takes as many as one call takes; an item that is too large for any call goes alone, and its server says so. */
  #takeBatch(): readonly Waiting<T, R>[] {
    const { countMax, bytesMax = Number.POSITIVE_INFINITY } = this.#options
    let bytes = 0
    let count = 0
    for (const waiting of this.#waiting) {
      bytes += waiting.bytes
      if (count === countMax || (count > 0 && bytes > bytesMax)) break
      count += 1
    }
    return this.#waiting.splice(0, count)
  }

  async #call(batch: readonly Waiting<T, R>[]): Promise<void> {
    this.#openCount += 1
    try {
      const answers = await this.#options.call(batch.map(({ item }) => item))
      // Checked by the call: one answer an item.
      for (const [at, { resolve }] of batch.entries()) resolve(answers[at] as R)
    } catch (error) {
      for (const { reject } of batch) reject(error)
    } finally {
      this.#openCount -= 1
      this.#flush()
    }
  }
}
