/**
 * Resets of one pool, one at a time: replaces every worker without losing a job. The first new worker must boot, and with
 * `reset_canary` pass on real jobs, before the next one is replaced; if it does not, the old workers stay.
 */
import type { Clock, Timer } from '../../../core/clock.js'
import { ErrorCode, hasCode, messageOf, RelayError } from '../../../core/errors.js'
import type { Logger } from '../../../logging/logger.js'
import type { JobScore } from '../../worker/job/tally.js'
import type { Worker } from '../../worker/worker.js'
import { type BootFault, summaryOf } from '../boot/boot-worker.js'
import type { PoolEmitter } from '../events.js'
import type { PoolConfig } from '../keys.js'
import type { LiveWorkers } from '../live-workers.js'
import { leavingMax } from './leaving.js'
import type { Slots } from './slots.js'

/** Parts of the pool that a reset uses. */
export interface ResetsOptions {
  readonly name: string
  readonly config: PoolConfig
  readonly clock: Clock
  readonly log: Logger
  readonly events: PoolEmitter
  readonly slots: Slots
  readonly live: LiveWorkers
  /** Number of workers that are leaving or whose successor is booting. */
  readonly leavingCount: () => number
}

/** Resets of one pool. */
export class Resets {
  readonly #options: ResetsOptions
  #running: Promise<void> = Promise.resolve()
  #next: Promise<void> | undefined
  #isStale = false

  constructor(options: ResetsOptions) {
    this.#options = options
  }

  /** True when the last reset failed: the workers may be older than their files. */
  get isStale(): boolean {
    return this.#isStale
  }

  /**
   * Resolves when a reset that begins now, or after the running one, has replaced all workers. All requests during a reset
   * share the next one. Rejects with RR_RESET_FAILED when a new worker did not boot or did worse than the old ones.
   */
  request(): Promise<void> {
    const { live } = this.#options
    if (live.stopped.aborted) return Promise.reject(live.stoppedError())
    this.#next ??= this.#running.then(() => {
      const run = this.#run()
      this.#next = undefined
      this.#running = run.catch(() => undefined)
      return run
    })
    return this.#next
  }

  async #run(): Promise<void> {
    const { name: pool, log, events, slots } = this.#options
    const generation = slots.newGeneration()
    const leaving: Promise<void>[] = []
    let why: RelayError | undefined
    try {
      await this.#renewStale(generation, leaving)
    } catch (error) {
      why = resetFault({ pool, replaced: leaving.length, total: slots.size, error })
      await Promise.all(leaving)
      // Without an old worker, the boot reports its own failure.
      if (!hasCode(error, ErrorCode.PoolStopped) && slots.workers.length > 0)
        log.error({ pool, error: withoutLines(why, error) }, 'the workers were not replaced')
    }
    this.#isStale = why !== undefined
    await Promise.all(leaving)
    if (events.has('reset')) events.emit('reset', { pool, why })
    if (why !== undefined) throw why
    const text = leaving.length > 0 ? 'the workers were replaced' : 'a worker is ready'
    log.info({ pool, workers: leaving.length }, text)
  }

  /** Replaces the workers from before `generation` one after the other, and adds to `leaving` what resolves when each has gone. */
  async #renewStale(generation: number, leaving: Promise<void>[]): Promise<void> {
    const { slots, live, config } = this.#options
    for (;;) {
      const worker = await slots.generations.nextStale(generation)
      if (worker === undefined) break
      await this.#room()
      const fresh = await slots.renewal.renew(
        worker,
        'reset',
        leaving.length === 0 ? this.#canary(worker) : undefined,
      )
      // Undefined: it had ended by itself, and its slot is being filled with the new code already.
      if (fresh !== undefined) leaving.push(live.goneWithin(worker, config.reset_timeout))
    }
    // There was none to replace, so nothing has shown yet that the new code boots.
    if (leaving.length === 0) await slots.generations.firstBoot(generation)
  }

  /** Waits until one more worker may leave, for `reset_timeout` at most. */
  #room(): Promise<void> {
    const { clock, config, slots, live, leavingCount } = this.#options
    let isOver = false
    const timer = clock.timer(config.reset_timeout, () => {
      isOver = true
      live.changed.wake()
    })
    const hasRoom = () => isOver || live.stopped.aborted || leavingCount() < leavingMax(slots.size)
    return live.changed.until(hasRoom).finally(() => timer.clear())
  }

  /** Returns the probe of the first new worker; undefined when booting is enough. */
  #canary(old: Worker): ((fresh: Worker) => Promise<void>) | undefined {
    const { config, clock, slots } = this.#options
    if (config.reset_canary === 0) return undefined
    return async (fresh) => {
      let timer: Timer | undefined
      const limit = new Promise<void>((resolve) => {
        timer = clock.timer(config.reset_timeout, resolve, { unref: true })
      })
      await Promise.race([fresh.answered(config.reset_canary), limit])
      timer?.clear()
      const { workers } = slots
      const before = workers.filter((one) => one !== fresh).concat(workers.includes(old) ? [] : [old])
      const scores = before.map((one) => one.score)
      const fault = canaryFault(fresh.score, scores)
      if (fault !== undefined) throw new Error(fault)
    }
  }
}

/**
 * Returns why the first worker with new code must not stay; undefined when its share of failures is at most that of the old
 * ones. Pure.
 */
export function canaryFault(fresh: JobScore, old: readonly JobScore[]): string | undefined {
  if (fresh.isGone && !fresh.hasLeftInPeace) return `the first new worker died after ${fresh.answered} jobs`
  if (fresh.isBusy && fresh.answered === 0) return 'the first new worker did not answer its first job in time'
  const answered = old.reduce((sum, score) => sum + score.answered, 0)
  const failed = old.reduce((sum, score) => sum + score.failed, 0)
  const oldRate = answered === 0 ? 0 : failed / answered
  const rate = fresh.answered === 0 ? 0 : fresh.failed / fresh.answered
  if (rate <= oldRate) return undefined
  return `the first new worker failed ${fresh.failed} of ${fresh.answered} jobs, the old ones ${failed} of ${answered}`
}

/** The fault for a log that holds the lines of the failed worker already, where it does. */
function withoutLines(why: RelayError, cause: unknown): RelayError {
  const fault: BootFault | undefined = cause instanceof Error ? cause : undefined
  if (fault === undefined || fault.isRepeated === true) return why
  const text = why.message.replace(fault.message, () => summaryOf(fault))
  return new RelayError(ErrorCode.ResetFailed, text, { hint: why.hint ?? '', cause: fault.cause })
}

function resetFault(about: { pool: string; replaced: number; total: number; error: unknown }): RelayError {
  const { pool, replaced, total, error } = about
  const stay = `${total - replaced} of ${total} old workers stay`
  const text = `pool "${pool}" was not reset, ${stay}: ${messageOf(error)}`
  return new RelayError(ErrorCode.ResetFailed, text, {
    hint: 'Correct the worker, then reset again (under `rr dev` saving it is enough). The pool goes on with the workers that it has.',
    cause: error,
  })
}
