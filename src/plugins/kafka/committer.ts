/** Commits the places of partitions: one call at a time, and again while the coordinator cannot be reached. */
import { type Logger, messageOf } from '../../index.js'
import type { Persistence } from '../../work/queues/persistence.js'
import type { CommittedPlace } from './group.js'
import type { Partition } from './partition.js'

/** Options of a committer. */
export interface CommitterOptions {
  readonly log: Logger
  readonly persistence: Persistence
  /** Partitions that are ours. */
  readonly partitions: () => readonly Partition[]
  readonly commit: (places: readonly CommittedPlace[]) => Promise<void>
}

/** A committer. */
export class Committer {
  readonly #options: CommitterOptions
  #committing: Promise<void> | undefined
  #next: Promise<void> | undefined
  #isWaiting = false

  constructor(options: CommitterOptions) {
    this.#options = options
  }

  /** Commits what is settled. What is settled while a call is under way goes with the next one. Rejects with a fault of the queue. */
  commit(): Promise<void> {
    if (this.#committing === undefined) {
      this.#committing = this.#commitNow().finally(() => {
        this.#committing = undefined
      })
      return this.#committing
    }
    this.#next ??= this.#committing
      .catch(() => undefined)
      .then(() => {
        this.#next = undefined
        return this.commit()
      })
    return this.#next
  }

  /** Commits as soon as the coordinator can be reached. */
  commitLater(): void {
    if (this.#isWaiting) return
    this.#isWaiting = true
    const { log, persistence } = this.#options
    void persistence
      .ask(() => this.commit(), Number.POSITIVE_INFINITY)
      // Ended by the close, which tries once more.
      .catch((error: unknown) =>
        log.debug({ error: messageOf(error) }, 'jobs that are done are not committed yet'),
      )
      .finally(() => {
        this.#isWaiting = false
      })
  }

  /** Tries for the last time. Never rejects. */
  close(): Promise<void> {
    const { log } = this.#options
    return this.commit().catch((error: unknown) =>
      log.warn({ error: messageOf(error) }, 'jobs that are done could not be committed: they will run again'),
    )
  }

  async #commitNow(): Promise<void> {
    const { partitions, commit } = this.#options
    const due = partitions().flatMap((partition) => {
      const { lowest, committed, topic, index } = partition
      return lowest > committed ? [{ partition, place: { topic, partition: index, offset: lowest } }] : []
    })
    if (due.length === 0) return
    await commit(due.map(({ place }) => place))
    for (const { partition, place } of due) partition.committed = Math.max(partition.committed, place.offset)
  }
}
