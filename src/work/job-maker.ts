/** Makes the jobs of deliveries, the next one while all workers are busy. */
import type { Job } from '../index.js'
import { verdictOfError } from './fault.js'
import { isLane, type Turn } from './lanes.js'
import type { Protocol } from './protocol.js'
import type { Delivery } from './source.js'
import type { Verdict } from './verdict.js'

interface PreparedJob {
  readonly turn: Turn
  readonly deliveries: readonly Delivery[]
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
    const deliveries = isLane(turn) ? turn.waiting.slice(0, size) : [turn]
    this.#prepared = { turn, deliveries, made: this.#make(deliveries) }
  }

  /** Returns the job of these deliveries of a turn; the verdict on them where none can be made. */
  jobOf(turn: Turn, deliveries: readonly Delivery[]): Job | Verdict {
    const prepared = this.#prepared
    if (prepared?.turn !== turn) return this.#make(deliveries)
    this.#prepared = undefined
    // Meanwhile its lane's job may have grown, or its first delivery may have been settled without a run.
    return isSame(prepared.deliveries, deliveries) ? prepared.made : this.#make(deliveries)
  }

  #make(deliveries: readonly Delivery[]): Job | Verdict {
    try {
      return this.#protocol.toJob(deliveries)
    } catch (error) {
      return verdictOfError(error)
    }
  }
}

function isSame(a: readonly Delivery[], b: readonly Delivery[]): boolean {
  return a.length === b.length && a.every((delivery, at) => delivery === b[at])
}
