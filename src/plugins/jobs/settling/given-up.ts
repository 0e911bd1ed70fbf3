/** Shows jobs of one pipeline that failed for good to a worker, before they are put aside (`jobs.failed: worker`). */
import type { Clock } from '../../../index.js'
import { type Delivery, FaultKind, type VisibilityExtender } from '../../../work/index.js'
import type { LastWord } from '../../../work/last-word.js'
import { givenUpContext } from '../../../work/protocols/raw.js'
import type { NotDone } from './fate.js'

/** Options of a pipeline's jobs that failed for good. */
export interface GivenUpJobsOptions {
  readonly pipeline: string
  /** Undefined: none is shown. */
  readonly lastWord: LastWord | undefined
  /** Keeps a job from expiring meanwhile. */
  readonly extender: Pick<VisibilityExtender, 'track' | 'hold' | 'drop'> | undefined
  readonly clock: Clock
}

/** Longest run of a worker that settles what hangs on a job. */
const showMsMax = 60_000

/** The jobs of one pipeline that failed for good. */
export class GivenUpJobs {
  readonly #options: GivenUpJobsOptions

  constructor(options: GivenUpJobsOptions) {
    this.#options = options
  }

  /** Resolves with true when a worker has settled the job. One that a worker gave up itself is not shown: that worker knew. Never rejects. */
  async isSettled(delivery: Delivery, { why }: NotDone): Promise<boolean> {
    const { lastWord, extender, clock, pipeline } = this.#options
    if (lastWord === undefined || why.kind === FaultKind.failed) return false
    extender?.track([delivery])
    extender?.hold([delivery])
    try {
      return await lastWord.show({
        name: `${pipeline}/${delivery.id}`,
        context: givenUpContext(delivery, why.message),
        body: delivery.body,
        job: delivery.id,
        tags: { pipeline },
        deadlineMs: clock.nowMs() + showMsMax,
      })
    } finally {
      // A job that was lost meanwhile is told by the queue, when it is put aside or acknowledged.
      extender?.drop(delivery)
    }
  }
}
