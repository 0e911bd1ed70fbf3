/** Parts and settings of a pool; `worker-pool.ts` is the pool. No behaviour. */
import type { Clock } from '../../core/clock.js'
import type { Random } from '../../core/random.js'
import type { Logger } from '../../logging/logger.js'
import type { InFlightLedger } from '../ledger.js'
import type { MemoryBudget } from '../machine/memory.js'
import type { Identity } from '../worker/os/identity.js'
import type { BootLines } from './boot/boot-lines.js'
import type { BootStrategy } from './boot/bring-up.js'
import type { PoolEmitter } from './events.js'
import type { PoolConfig } from './keys.js'
import type { HeldPool } from './pool.js'

/** Parts and settings of a pool. */
export interface WorkerPoolOptions {
  readonly name: string
  readonly size: number
  readonly config: PoolConfig
  /** Number of workers that boot before the others; absent: all at once. */
  readonly bootFirst?: number | undefined
  /** The command as `rr workers` shows it. */
  readonly command: string
  /** User and group of the workers, where they are not the server's own. */
  readonly identity?: Identity | undefined
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  /** Boots a worker. */
  readonly boot: BootStrategy['boot']
  /** Reads the memory that all processes together may use and use; absent: nothing limits them. */
  readonly budget?: () => Promise<MemoryBudget>
  /** Ledger that is told of every job with a tag `requestId`. */
  readonly ledger?: InFlightLedger
  /** Holds the output of boots, so that a repeated failure is logged once. */
  readonly lines?: BootLines | undefined
  /** Called when workers that were held back may boot. */
  readonly onRest?: (() => void) | undefined
  /** Called when a pool of which no worker has ever booted waits for a reset; without it the pool keeps trying. */
  readonly onHeld?: ((held: HeldPool) => void) | undefined
  /** Emits events of workers and jobs; absent: an emitter of the pool's own. */
  readonly events?: PoolEmitter
  readonly measure: BootStrategy['measure']
}
