/** Makes the jobs of deliveries, the next one while all workers are busy. */
import type { Job } from '../index.js'
import { verdictOfError } from './fault.js'
import { isLane, type Turn } from './lanes.js'
import type { Protocol } from './protocol.js'
import type { Delivery } from './source.js'
import type { Verdict } from './verdict.js'

interface PreparedJob {
  readonly turn: Turn
  readonly size: number
  readonly made: Job | Verdict
}

/** Job maker of one dispatcher. */
export class JobMaker {
  readonly #protocol: Protocol
  #prepared: PreparedJob | undefined

  constructor(protocol: Protocol) {
    this.#protocol = protocol
  }

  /** Makes the job of the first `size` deliveries of a turn before it is its turn; does nothing when it is made already. */
  prepare(turn: Turn, size: number): void {
    if (this.#prepared?.turn === turn) return
    this.#prepared = { turn, size, made: this.#make(isLane(turn) ? turn.waiting.slice(0, size) : [turn]) }
  }

  /** Returns the job of these deliveries of a turn; the verdict on them where none can be made. */
  jobOf(turn: Turn, deliveries: readonly Delivery[]): Job | Verdict {
    const prepared = this.#prepared
    if (prepared?.turn !== turn) return this.#make(deliveries)
    this.#prepared = undefined
    // Its lane's job may have grown meanwhile.
    return prepared.size === deliveries.length ? prepared.made : this.#make(deliveries)
  }

  #make(deliveries: readonly Delivery[]): Job | Verdict {
    try {
      return this.#protocol.toJob(deliveries)
    } catch (error) {
      return verdictOfError(error)
    }
  }
}
