/**
 * Replaces every worker of a pool without losing a job: the first new one must boot, and with `reset_canary` prove itself on real
 * jobs, before the next one; when it does not, the old workers stay.
 */
import type { Clock, Timer } from '../../../core/clock.js'
import { ErrorCode, hasCode, messageOf, RelayError } from '../../../core/errors.js'
import type { Logger } from '../../../logging/logger.js'
import type { Worker } from '../../worker/worker.js'
import { canaryFault } from './canary.js'

/** The pool as a reset sees it. */
export interface Resettable {
  readonly name: string
  readonly size: number
  readonly workers: readonly Worker[]
  /** From now on boots count as new; those that wait for a next try begin at once. */
  newGeneration(): number
  /** A worker from before `generation`, also one that boots still; undefined when there is none left. */
  nextStale(generation: number): Promise<Worker | undefined>
  /** Rejects with the fault when the first boot of `generation` fails. */
  firstBoot(generation: number): Promise<void>
  /** Brings up the successor of a worker, lets `isGood` judge it, and only then lets the old one leave. */
  renew(old: Worker, isGood?: (fresh: Worker) => Promise<void>): Promise<Worker | undefined>
  /** Resolves when no more than the share of the pool is on its way out, or after `waitMsMax`. */
  room(waitMsMax: number): Promise<void>
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
  const generation = pool.newGeneration()
  const leaving: Promise<void>[] = []
  try {
    for (;;) {
      const worker = await pool.nextStale(generation)
      if (worker === undefined) break
      await pool.room(timeoutMs)
      const fresh = await pool.renew(worker, leaving.length === 0 ? canary(options, worker) : undefined)
      // Undefined: it had gone by itself, and its place is being filled with the new code already.
      if (fresh !== undefined) leaving.push(pool.gone(worker, timeoutMs))
    }
    // None was there to be replaced, so nothing has proved yet that the new code boots.
    if (leaving.length === 0) await pool.firstBoot(generation)
  } catch (error) {
    await Promise.all(leaving)
    const fault = resetFault({ pool: pool.name, replaced: leaving.length, total: pool.size, error })
    // Without an old worker, the boot reports its own failure.
    if (!hasCode(error, ErrorCode.PoolStopped) && pool.workers.length > 0)
      log.error({ pool: pool.name, error: fault }, 'the workers were not replaced')
    throw fault
  }
  await Promise.all(leaving)
  log.info(
    { pool: pool.name, workers: leaving.length },
    leaving.length > 0 ? 'the workers were replaced' : 'a worker is ready',
  )
}

function canary({ pool, canaryJobs, timeoutMs, clock }: ResetOptions, old: Worker) {
  if (canaryJobs === 0) return undefined
  return async (fresh: Worker): Promise<void> => {
    let timer: Timer | undefined
    const limit = new Promise<void>((resolve) => {
      timer = clock.timer(timeoutMs, resolve, { unref: true })
    })
    await Promise.race([fresh.answered(canaryJobs), limit])
    timer?.clear()
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
