/** Whether the first worker with new code does worse than the old ones did. Pure. */
import type { JobScore } from '../../worker/job/tally.js'

/** Why the new worker must not stay, as a sentence; undefined when nothing speaks against it. */
export function canaryFault(fresh: JobScore, old: readonly JobScore[]): string | undefined {
  if (fresh.isGone && !fresh.hasLeftInPeace) return `the first new worker fell after ${fresh.answered} jobs`
  if (fresh.isBusy && fresh.answered === 0) return 'the first new worker did not answer its first job in time'
  const answered = old.reduce((sum, score) => sum + score.answered, 0)
  const failed = old.reduce((sum, score) => sum + score.failed, 0)
  const oldRate = answered === 0 ? 0 : failed / answered
  const rate = fresh.answered === 0 ? 0 : fresh.failed / fresh.answered
  if (rate <= oldRate) return undefined
  return `the first new worker failed ${fresh.failed} of ${fresh.answered} jobs, the old ones ${failed} of ${answered}`
}
