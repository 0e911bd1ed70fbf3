/** Asks the queue of a pipeline how many jobs it has. */
import type { Source, SourceCounts } from '../../work/index.js'
import type { QueueLink } from './queue-link.js'

/** Numbers of a queue; undefined where it cannot say, or was not reached. */
interface QueueNumbers {
  readonly counts: SourceCounts | undefined
  /** Failed jobs that the queue itself keeps. */
  readonly stored: number | undefined
}

/** Asks for the numbers, and tells the link whether the queue was reached. Never rejects. */
export async function askNumbers(
  source: Source | undefined,
  link: QueueLink,
  isPulled: boolean,
): Promise<QueueNumbers> {
  let [counts, stored]: [SourceCounts?, number?] = []
  try {
    counts = await source?.counts?.()
    stored = await source?.failed?.count()
    if (counts !== undefined || stored !== undefined) link.counted(isPulled)
  } catch (error) {
    link.failed(error, 'count')
  }
  return { counts, stored }
}
