/** Makes the verdicts on jobs that have ended, and keeps count of the deliveries that kill their workers. */
import { makeFault, verdictOfError } from './fault.js'
import type { HeldEnd } from './held-worker.js'
import type { PoisonRecords } from './poison-records.js'
import type { Protocol } from './protocol.js'
import type { Delivery } from './source.js'
import { FaultKind, type Verdict } from './verdict.js'

const givenUp: Verdict = {
  kind: 'fail',
  why: makeFault(FaultKind.workerCrashed, 'the record killed its workers before, and is not run again'),
}

/** Released: nothing that the job did. */
const takenBack: Verdict = {
  kind: 'retry',
  why: makeFault(FaultKind.stopped, 'its queue took it back before it began'),
}

/** End of a job that has run, or that could not be sent. */
export type JobVerdictEnd = Exclude<HeldEnd, { readonly kind: 'returned' }>

/** Judge of one dispatcher's deliveries. */
export class Judge {
  readonly #protocol: Protocol
  readonly #poison: PoisonRecords

  constructor(protocol: Protocol, poison: PoisonRecords) {
    this.#protocol = protocol
    this.#poison = poison
  }

  /** Returns the verdict on deliveries that are not run any more; undefined for all others. */
  beforeRun(deliveries: readonly Delivery[]): readonly Verdict[] | undefined {
    const [first, second] = deliveries
    if (deliveries.some((delivery) => delivery.isTakenBack?.() === true))
      return sameForAll(deliveries, takenBack)
    return first !== undefined && second === undefined && this.#poison.isGivenUp(first.id)
      ? [givenUp]
      : undefined
  }

  /** True for a job that has to run on a worker of its own. */
  isQuarantined([first, second]: readonly Delivery[]): boolean {
    return first !== undefined && second === undefined && this.#poison.isQuarantined(first.id)
  }

  /** True for a delivery that was in a job which killed its worker: it must not share a job or a worker's pipe. */
  isSuspect({ id }: Delivery): boolean {
    return this.#poison.isSuspect(id)
  }

  /** Returns the verdicts on the deliveries of a job that has ended; `isAlone`: on a worker of its own. */
  verdicts(deliveries: readonly Delivery[], end: JobVerdictEnd, isAlone: boolean): readonly Verdict[] {
    if (end.kind === 'done') {
      for (const { id } of deliveries) this.#poison.forget(id)
      try {
        return this.#protocol.verdicts(end.reply, deliveries)
      } catch (error) {
        return sameForAll(deliveries, verdictOfError(error))
      }
    }
    const verdict = verdictOfError(end.error)
    const isDeath = verdict.kind === 'retry' && verdict.isDeath === true
    const [first] = deliveries
    if (isDeath && isAlone && first !== undefined) return [this.#giveUp(first.id, verdict.why.message)]
    const ids = deliveries.map(({ id }) => id)
    if (isDeath && verdict.isShared === true) this.#poison.addSuspects(ids)
    else if (isDeath) this.#poison.addDeath(ids)
    return sameForAll(deliveries, verdict)
  }

  /** Gives up a delivery that killed even a worker of its own. */
  #giveUp(id: string, last: string): Verdict {
    const text = `the record has killed ${this.#poison.count(id) + 1} workers, the last one of them alone: ${last}`
    this.#poison.giveUp(id)
    return { kind: 'fail', why: makeFault(FaultKind.workerCrashed, text) }
  }
}

/** One verdict for each of the deliveries. */
export function sameForAll(deliveries: readonly Delivery[], verdict: Verdict): readonly Verdict[] {
  return deliveries.map(() => verdict)
}
