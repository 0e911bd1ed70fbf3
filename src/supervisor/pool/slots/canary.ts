/** Whether the first worker with new code does worse than the old ones did. Pure. */

/** What became of a worker's jobs. */
export interface JobScore {
  readonly answered: number
  /** Among the answered: ERROR frames, and the job that it died of. */
  readonly failed: number
  /** It has left or fallen. */
  readonly isGone: boolean
  /** It left in peace, after a limit of its own or because it asked to. */
  readonly hasLeftInPeace: boolean
  /** It is at work on a job. */
  readonly isBusy: boolean
}

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
