/** The failed jobs of a tube: buried ones. Beanstalkd keeps no reason and shows only the first, so the rest is known as long as we run. */
import type { Clock } from '../../index.js'
import type { FailedDelivery, FailedStore, KeptMessage } from '../../work/source.js'
import { jobNameOf } from './message.js'
import { readStats, type Tube } from './tube.js'

/** Options of a store. */
export interface BuriedOptions {
  readonly tube: Tube
  readonly clock: Clock
  /** Buries a delivery. Rejects when it is lost. */
  readonly bury: (failed: FailedDelivery) => Promise<void>
  /** Is told of each job whose tries are counted anew, and how many it had. */
  readonly onRedriven: (id: string, reserves: number) => void
}

const knownMax = 100_000
const unknownReason = 'not known: it was buried before this server started, or by another program'

/** A store. */
export class BuriedJobs implements FailedStore {
  readonly #options: BuriedOptions
  /** Jobs that we buried, the oldest first. */
  readonly #known = new Map<string, KeptMessage>()

  constructor(options: BuriedOptions) {
    this.#options = options
  }

  async keep(failed: FailedDelivery): Promise<void> {
    const { delivery, why, attempt } = failed
    await this.#options.bury(failed)
    const { clock } = this.#options
    const { stringValue = '' } = Object(Object(delivery.record.messageAttributes).rr_job)
    this.#known.set(delivery.id, {
      id: delivery.id,
      name: String(stringValue),
      attempt,
      why,
      atMs: clock.nowMs(),
    })
    const [oldest] = this.#known.keys()
    if (this.#known.size > knownMax && oldest !== undefined) this.#known.delete(oldest)
  }

  async list(max: number): Promise<readonly KeptMessage[]> {
    const first = await this.#first()
    const known = [...this.#known.values()].slice(0, max)
    const states = await Promise.all(known.map(({ id }) => this.#statsOf(id)))
    const buried = known.filter(({ id }, at) => {
      const isBuried = states[at]?.state === 'buried'
      if (!isBuried) this.#known.delete(id)
      return isBuried
    })
    return first === undefined || buried.some(({ id }) => id === first.id) ? buried : [first, ...buried]
  }

  async redrive(ids?: readonly string[]): Promise<number> {
    let count = 0
    const wanted = ids?.filter((id) => /^\d{1,20}$/.test(id))
    for (const id of wanted ?? []) if (await this.#kick(id)) count += 1
    if (wanted !== undefined) return count
    for (let next = await this.#first(); next !== undefined; next = await this.#first())
      if (await this.#kick(next.id)) count += 1
    return count
  }

  async count(): Promise<number> {
    return Number((await this.#options.tube.stats())['current-jobs-buried'] ?? 0)
  }

  async #kick(id: string): Promise<boolean> {
    const { tube, onRedriven } = this.#options
    const { state, reserves } = await this.#statsOf(id)
    if (state !== 'buried') return false
    onRedriven(id, Number(reserves ?? 0))
    const { words } = await tube.ask(`kick-job ${id}`)
    this.#known.delete(id)
    return words[0] === 'KICKED'
  }

  async #first(): Promise<KeptMessage | undefined> {
    const { words, data } = await this.#options.tube.ask('peek-buried')
    const [what, id] = words
    if (what !== 'FOUND' || id === undefined) return undefined
    const known = this.#known.get(id)
    return known ?? { id, name: jobNameOf(data), attempt: undefined, why: unknownReason, atMs: undefined }
  }

  async #statsOf(id: string): Promise<Readonly<Record<string, string>>> {
    const { words, data } = await this.#options.tube.ask(`stats-job ${id}`)
    return words[0] === 'OK' ? readStats(data) : {}
  }
}
