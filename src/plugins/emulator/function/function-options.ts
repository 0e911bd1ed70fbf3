/** Options of an emulated function, and its pollers; `function-state.ts` is the function. No behaviour. */
import type { Clock } from '../../../index.js'
import type { ApiStatus, HandedOut } from './invocation.js'

/** A call of `/next`. */
export interface Poller {
  readonly hand: (event: HandedOut) => void
  readonly refuse: (status: ApiStatus) => void
}

/** Options of a function. */
export interface FunctionOptions {
  readonly clock: Clock
  readonly timeoutMs: number
  /** Managed Instances: this many events at once. */
  readonly concurrency?: number | undefined
  /** True: events are handed out to all pollers, as Lambda does with several environments; the others wait. */
  readonly isParallel?: boolean | undefined
  /** Returns false while no event may be handed out; call `poke` when that changes. */
  readonly mayHandOut?: () => boolean
  readonly onHandedOut?: (event: HandedOut) => void
  /** Called after a change that may let a waiting caller continue. */
  readonly onChange?: () => void
  /** Called when an event timed out; its invoker gets the error when this resolves. */
  readonly onTimeout?: (requestId: string) => Promise<void>
  /**
   * Takes the body of an init error. Returns true when initialisation is repeated; else the waiting events fail with the
   * error.
   */
  readonly isInitRepeated?: (error: Buffer) => boolean
}
