/**
 * Replaces every worker of a pool without losing a job: the first new one must boot, and with `reset_canary` prove itself on real
 * jobs, before the next one; when it does not, the old workers stay.
 */
import type { Clock } from '../../core/clock.js'
import { ErrorCode, messageOf, RelayError } from '../../core/errors.js'
import type { Logger } from '../../core/log.js'
import { leavingMax } from '../worker/retire.js'
import type { Worker } from '../worker/worker.js'
import { canaryFault } from './canary.js'

/** The pool as a reset sees it. */
export interface Resettable {
  readonly name: string
  readonly size: number
  readonly workers: readonly Worker[]
  /** Brings up the successor of a worker, lets `isGood` judge it, and only then lets the old one leave. */
  renew(old: Worker, isGood?: (fresh: Worker) => Promise<void>): Promise<Worker | undefined>
  /** Resolves when the worker has gone; after `waitMsMax` it is killed. */
  gone(worker: Worker, waitMsMax: number): Promise<void>
}

/** What a reset is made of. */
export interface ResetOptions {
  readonly pool: Resettable
  /** `reset_timeout`: how long a busy worker may take to leave, and a canary to answer its jobs. */
  readonly timeoutMs: number
  /** Jobs that the first new worker has to answer; 0: booting is enough. */
  readonly canaryJobs: number
  readonly clock: Clock
  readonly log: Logger
}

/** One reset. Rejects with RR_RESET_FAILED when a new worker did not boot or did worse than the old ones. */
export async function rollingReset(options: ResetOptions): Promise<void> {
  const { pool, timeoutMs, log } = options
  const old = pool.workers
  const leaving = new Set<Promise<void>>()
  let replaced = 0
  for (const worker of old) {
    while (leaving.size >= leavingMax(pool.size)) await Promise.race(leaving)
    try {
      const fresh = await pool.renew(worker, replaced === 0 ? canary(options, worker) : undefined)
      // It had gone by itself: its place is being filled with the new code already.
      if (fresh === undefined) continue
    } catch (error) {
      await Promise.all(leaving)
      throw resetFault({ pool: pool.name, replaced, total: old.length, error })
    }
    replaced += 1
    const gone: Promise<void> = pool.gone(worker, timeoutMs).then(() => void leaving.delete(gone))
    leaving.add(gone)
  }
  await Promise.all(leaving)
  log.info({ pool: pool.name, workers: replaced }, 'the workers were replaced')
}

function canary({ pool, canaryJobs, timeoutMs, clock }: ResetOptions, old: Worker) {
  if (canaryJobs === 0) return undefined
  return async (fresh: Worker): Promise<void> => {
    const limit = new Promise<'time'>((resolve) =>
      clock.timer(timeoutMs, () => resolve('time'), { unref: true }),
    )
    await Promise.race([fresh.answered(canaryJobs), limit])
    const before = pool.workers.filter((one) => one !== fresh).concat(pool.workers.includes(old) ? [] : [old])
    const fault = canaryFault(
      fresh.score,
      before.map((one) => one.score),
    )
    if (fault !== undefined) throw new Error(fault)
  }
}

function resetFault(about: { pool: string; replaced: number; total: number; error: unknown }): RelayError {
  const { pool, replaced, total, error } = about
  const stay = `${total - replaced} of ${total} old workers stay`
  const text = `pool "${pool}" was not reset, ${stay}: ${messageOf(error)}`
  return new RelayError(ErrorCode.ResetFailed, text, {
    hint: 'Mend the worker, then reset again. The pool goes on with the workers that it has.',
    cause: error,
  })
}
