/** Options of an emulated function, and its pollers; `state.ts` is the function. No behaviour. */
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
  /** Events are handed out to whoever asks, as Lambda does with several environments; what nobody asks for waits. */
  readonly isParallel?: boolean | undefined
  /** No event is handed out while this is false; `poke` looks again. */
  readonly mayHandOut?: () => boolean
  readonly onHandedOut?: (event: HandedOut) => void
  /** Called after a change that may let a waiting caller continue. */
  readonly onChange?: () => void
  /** An event ran over; its invoker is told when this resolves. */
  readonly onTimeout?: (requestId: string) => Promise<void>
  /** Takes the body of an init error. It goes to whoever waits, unless this says that initialisation is tried once more. */
  readonly isInitRepeated?: (error: Buffer) => boolean
}
