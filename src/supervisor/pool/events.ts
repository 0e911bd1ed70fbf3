/**
 * Typed notifications of pools, for metrics, logs and dashboards. An event that nobody listens to costs a comparison: no object is made
 * for it. Listeners run synchronously and decide nothing.
 */
import type { Undo } from '../../core/abort.js'
import { ErrorCode, RelayError } from '../../core/errors.js'
import type { Logger } from '../../logging/logger.js'
import type { Job } from '../job.js'
import type { Outcome } from '../worker/job/outcome.js'
import type { KillReason, RetireReason } from '../worker/state.js'
import type { WorkerId } from '../worker/worker-id.js'

/** Events of a pool with what a listener is given. */
export interface PoolEvents {
  /** A worker has booted and takes jobs. */
  readonly ready: { readonly pool: string; readonly worker: WorkerId }
  /** A worker that had booted has ended. */
  readonly exited: {
    readonly pool: string
    readonly worker: WorkerId
    readonly why: RetireReason | KillReason | undefined
  }
  /** A reset has ended. `why` is the fault that left old workers in place; undefined when all were replaced. */
  readonly reset: { readonly pool: string; readonly why: RelayError | undefined }
  /** Workers die faster than `crash_loop` allows, or no longer do. */
  readonly degraded: { readonly pool: string; readonly isDegraded: boolean }
  /** A job was sent to a worker. A job that is handed over to another worker is assigned again. */
  readonly assigned: { readonly pool: string; readonly job: Job }
  /** A job has its outcome. Not emitted for jobs that were assigned before anyone listened to this event. */
  readonly settled: {
    readonly pool: string
    readonly job: Job
    readonly outcome: Outcome
    readonly tookMs: number
  }
}

/** Name of an event. */
export type PoolEvent = keyof PoolEvents

/** Receives the events of one name. */
export type PoolListener<E extends PoolEvent> = (event: PoolEvents[E]) => void

type Listeners = { readonly [E in PoolEvent]: Set<PoolListener<E>> }

/** Hands the events of pools to listeners. */
export class PoolEmitter {
  readonly #log: Logger
  readonly #listeners: Listeners = {
    ready: new Set(),
    exited: new Set(),
    reset: new Set(),
    degraded: new Set(),
    assigned: new Set(),
    settled: new Set(),
  }

  constructor(log: Logger) {
    this.#log = log
  }

  /**
   * Calls `listener` for each event of this name from now on; returns how to stop that. Throws RR_PLUGIN_API for a name that is not one
   * of an event, or a listener that is not a function.
   */
  on<E extends PoolEvent>(name: E, listener: PoolListener<E>): Undo {
    this.#check(name, listener)
    // A function of its own, so that one listener may be added twice and taken back once.
    const added: PoolListener<E> = (event) => listener(event)
    const listeners: Set<PoolListener<E>> = this.#listeners[name]
    listeners.add(added)
    return () => void listeners.delete(added)
  }

  /** Plugins in JavaScript have no compiler that tells them. */
  #check(name: unknown, listener: unknown): void {
    const names = Object.keys(this.#listeners)
    if (typeof name !== 'string' || !names.includes(name))
      throw new RelayError(ErrorCode.PluginApi, `pools have no event ${JSON.stringify(name)}`, {
        hint: `The events are ${names.join(', ')}.`,
      })
    if (typeof listener !== 'function')
      throw new RelayError(
        ErrorCode.PluginApi,
        `the listener to "${name}" is a ${typeof listener}, not a function`,
        {
          hint: `Write pools.on('${name}', (event) => …).`,
        },
      )
  }

  /** True when there is a listener: ask before you make an event. */
  has(name: PoolEvent): boolean {
    return this.#listeners[name].size > 0
  }

  /** Tells all listeners of this name. A listener that throws is logged and affects no other. */
  emit<E extends PoolEvent>(name: E, event: PoolEvents[E]): void {
    const listeners: Set<PoolListener<E>> = this.#listeners[name]
    for (const listener of listeners) {
      try {
        listener(event)
      } catch (error) {
        this.#log.error({ pool: event.pool, event: name, error }, 'a listener to the events of a pool failed')
      }
    }
  }
}
