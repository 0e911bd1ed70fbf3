/** Callers that wait for a worker, in order, each of whom can give up. */
import type { Clock } from '../../core/clock.js'
import { ErrorCode, RelayError } from '../../core/errors.js'

/** How one caller waits. */
export interface WaitOptions {
  readonly front: boolean
  /** How long, in ms; then RR_POOL_NO_WORKERS. */
  readonly waitMsMax: number
  readonly signal: AbortSignal | undefined
}

interface Waiter<T> {
  readonly resolve: (worker: T) => void
  readonly fail: (error: RelayError) => void
}

/** The line of one pool for its workers, whatever stands for one. Its length is the pool's to bound. */
export class WaitingLine<T> {
  readonly #pool: string
  readonly #clock: Clock
  #waiters: Waiter<T>[] = []

  constructor(options: { readonly pool: string; readonly clock: Clock }) {
    this.#pool = options.pool
    this.#clock = options.clock
  }

  get length(): number {
    return this.#waiters.length
  }

  /** Resolves with a worker; rejects with RR_POOL_NO_WORKERS, RR_JOB_ABORTED or what `failAll` is given. */
  wait({ front, waitMsMax, signal }: WaitOptions): Promise<T> {
    if (signal?.aborted === true) return Promise.reject(this.#aborted())
    return new Promise((resolve, reject) => {
      const leave = () => {
        timer.clear()
        signal?.removeEventListener('abort', onAbort)
        const at = this.#waiters.indexOf(waiter)
        if (at >= 0) this.#waiters.splice(at, 1)
      }
      const waiter: Waiter<T> = {
        resolve: (worker) => {
          leave()
          resolve(worker)
        },
        fail: (error) => {
          leave()
          reject(error)
        },
      }
      const onAbort = () => waiter.fail(this.#aborted())
      const timer = this.#clock.timer(waitMsMax, () => waiter.fail(this.#tooLong(waitMsMax)))
      signal?.addEventListener('abort', onAbort, { once: true })
      if (front) this.#waiters.unshift(waiter)
      else this.#waiters.push(waiter)
    })
  }

  /** Gives the worker to the first in line; false when nobody waits. */
  serve(worker: T): boolean {
    const first = this.#waiters[0]
    first?.resolve(worker)
    return first !== undefined
  }

  /** Sends everybody away. */
  failAll(error: RelayError): void {
    for (const waiter of [...this.#waiters]) waiter.fail(error)
  }

  #aborted(): RelayError {
    return new RelayError(
      ErrorCode.JobAborted,
      `the caller gave up waiting for a worker of pool "${this.#pool}"`,
    )
  }

  #tooLong(waitMs: number): RelayError {
    return new RelayError(
      ErrorCode.PoolNoWorkers,
      `no worker of pool "${this.#pool}" became free within ${Math.round(waitMs)} ms`,
      { hint: 'Raise `num_workers`, or `allocate_timeout`, or see in the log why workers do not boot.' },
    )
  }
}
