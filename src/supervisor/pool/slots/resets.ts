/** The resets of one pool, one at a time. How one goes is in `rolling-reset.ts`. */
import type { Clock } from '../../../core/clock.js'
import type { RelayError } from '../../../core/errors.js'
import type { Logger } from '../../../logging/logger.js'
import type { PoolEmitter } from '../events.js'
import type { PoolConfig } from '../keys.js'
import type { LiveWorkers } from '../live-workers.js'
import { leavingMax } from './leaving.js'
import { type Resettable, rollingReset } from './rolling-reset.js'
import type { Slots } from './slots.js'

/** What they need of their pool. */
export interface ResetsOptions {
  readonly name: string
  readonly config: PoolConfig
  readonly clock: Clock
  readonly log: Logger
  readonly events: PoolEmitter
  readonly slots: Slots
  readonly live: LiveWorkers
  /** Workers on their way out, and those whose successor is on its way. */
  readonly leavingCount: () => number
}

/** Those of one pool. */
export class Resets {
  readonly #options: ResetsOptions
  #running: Promise<void> = Promise.resolve()
  #next: Promise<void> | undefined

  constructor(options: ResetsOptions) {
    this.#options = options
  }

  /** All who ask while one runs ask for newer code, and share the next one. */
  ask(): Promise<void> {
    const { live } = this.#options
    if (live.stopped.aborted) return Promise.reject(live.stoppedError())
    this.#next ??= this.#running.then(() => {
      const run = this.#run()
      this.#next = undefined
      this.#running = run.catch(() => undefined)
      return run
    })
    return this.#next
  }

  async #run(): Promise<void> {
    const { config, clock, log, name, events } = this.#options
    const why = await rollingReset({
      pool: this.#resettable(),
      timeoutMs: config.reset_timeout,
      canaryJobs: config.reset_canary,
      clock,
      log,
    }).then(
      () => undefined,
      (error: RelayError) => error,
    )
    if (events.has('reset')) events.emit('reset', { pool: name, why })
    if (why !== undefined) throw why
  }

  #resettable(): Resettable {
    const { name, slots, live } = this.#options
    return {
      name,
      size: slots.size,
      get workers() {
        return slots.workers
      },
      newGeneration: () => slots.newGeneration(),
      nextStale: (generation) => slots.generations.nextStale(generation),
      firstBoot: (generation) => slots.generations.firstBoot(generation),
      renew: (old, isGood) => slots.renew(old, 'reset', isGood),
      room: (waitMsMax) => this.#room(waitMsMax),
      gone: (worker, waitMsMax) => live.goneWithin(worker, waitMsMax),
    }
  }

  /** Waits until one more worker may be on its way out. */
  #room(waitMsMax: number): Promise<void> {
    const { clock, slots, live, leavingCount } = this.#options
    let isOver = false
    const timer = clock.timer(waitMsMax, () => {
      isOver = true
      live.changed.wake()
    })
    const hasRoom = () => isOver || live.stopped.aborted || leavingCount() < leavingMax(slots.size)
    return live.changed.until(hasRoom).finally(() => timer.clear())
  }
}
