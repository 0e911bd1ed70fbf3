/** Fills the empty slots of a pool: boots a worker for each, and retries a failed boot with back-off, without limit. */
import { setMaxListeners } from 'node:events'
import { onAbort } from '../../../core/abort.js'
import { type Clock, sleep } from '../../../core/clock.js'
import { messageOf, RelayError } from '../../../core/errors.js'
import type { Random } from '../../../core/random.js'
import type { Logger } from '../../../logging/logger.js'
import type { Worker } from '../../worker/worker.js'
import { labelOf } from '../../worker/worker-id.js'
import { type BootFault, summaryOf } from '../boot/boot-worker.js'
import type { WorkerBoot } from '../pool.js'
import type { Waiters } from '../queue/waiters.js'
import { bootDelayMs } from './boot-retry.js'
import type { Generations } from './generations.js'
import type { RestartIntensity } from './restart-intensity.js'
import type { Slot } from './slot.js'

/** Parts of the pool that its filler uses. */
export interface FillerOptions {
  readonly pool: string
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  /** Boots one worker. Rejects with a `BootFault`. */
  readonly boot: () => Promise<Worker>
  readonly generations: Generations
  readonly intensity: RestartIntensity
  /** Called with a worker that has booted for a slot that is still empty. */
  readonly settle: (slot: Slot, worker: Worker) => void
  /** False while a slot must wait for a reset instead of trying again. */
  readonly mayTry: (slot: Slot) => boolean
  /** True when the log already holds the output of failed boots: the fault does not repeat it. */
  readonly isSaidOnce: boolean
  /** Called when a boot failed while the pool works. */
  readonly onFault: (fault: BootFault) => void
  readonly changed: Waiters
  /** Aborted when the pool stops. */
  readonly stopped: AbortSignal
  readonly stoppedError: () => RelayError
}

/** Boots workers for the empty slots of one pool. */
export class Filler {
  readonly #options: FillerOptions
  #hurry = newHurry()
  #lastLines: readonly string[] = []

  constructor(options: FillerOptions) {
    this.#options = options
  }

  /** Last lines of the worker whose boot failed last. */
  get lastLines(): readonly string[] {
    return this.#lastLines
  }

  /** Lets slots that wait for a next try begin at once. */
  hurryUp(): void {
    const before = this.#hurry
    this.#hurry = newHurry()
    before.abort()
  }

  /** Ends all waiting for a later try because the pool stops. */
  close(): void {
    this.#hurry.abort()
  }

  /** Boots a worker for a slot, which counts as booting until the worker is in its slot. */
  async bring(slot: Slot): Promise<Worker> {
    const { generations, boot, changed } = this.#options
    const generation = generations.current
    slot.booting = generation
    try {
      const worker = await boot()
      generations.onBooted(worker, generation)
      return worker
    } catch (error) {
      generations.onFailed(error, generation)
      slot.booting = undefined
      changed.wake()
      throw error
    }
  }

  /** Fills an empty slot, trying for ever; resolves with how the first try went. */
  fill(slot: Slot): Promise<WorkerBoot> {
    return new Promise((resolve) => void this.#fillUntilGone(slot, resolve))
  }

  async #fillUntilGone(slot: Slot, onFirst: (boot: WorkerBoot) => void): Promise<void> {
    const { clock, settle, generations, stopped, stoppedError } = this.#options
    while (!stopped.aborted && !slot.isGone) {
      await this.#delay(slot)
      if (stopped.aborted || slot.isGone) break
      const startedAt = clock.monotonicMs()
      const generation = generations.current
      try {
        const worker = await this.bring(slot)
        slot.booting = undefined
        if (worker.score.isGone) throw new Error(`${labelOf(worker.id)} left right after it had become ready`)
        onFirst({ pid: worker.pid, tookMs: clock.monotonicMs() - startedAt, lastLines: [] })
        if (slot.isGone) worker.retire('shrink')
        else settle(slot, worker)
        return
      } catch (error) {
        const fault: BootFault = error instanceof Error ? error : new Error(messageOf(error))
        // A boot that began before a reset says nothing about the new code.
        if (generation === generations.current) slot.failures += 1
        this.#onFault(slot, fault)
        const lastLines = fault.lastLines ?? []
        onFirst({ pid: fault.pid, tookMs: clock.monotonicMs() - startedAt, fault, lastLines })
      }
    }
    onFirst({ pid: undefined, tookMs: 0, fault: stoppedError(), lastLines: [] })
  }

  async #delay(slot: Slot): Promise<void> {
    const { clock, random, intensity, mayTry } = this.#options
    while (!mayTry(slot) && !this.#hurry.signal.aborted) await aborted(this.#hurry.signal)
    const failed = { failures: slot.failures, deaths: intensity.deaths }
    const delayMs = bootDelayMs(failed, intensity.policy, random)
    if (delayMs > 0) await sleep(clock, delayMs, this.#hurry.signal)
  }

  #onFault(slot: Slot, fault: BootFault): void {
    const { intensity, stopped, onFault } = this.#options
    const lastLines = fault.lastLines ?? []
    this.#lastLines = lastLines
    if (stopped.aborted || slot.isGone) return
    this.#tell(slot, fault)
    if (this.#options.mayTry(slot)) intensity.onDeath(fault, lastLines)
    onFault(fault)
  }

  #tell(slot: Slot, fault: BootFault): void {
    const tries = slot.failures
    const { log, pool, isSaidOnce } = this.#options
    const hint = fault instanceof RelayError ? fault.hint : undefined
    const why = isSaidOnce ? { error: summaryOf(fault), hint } : { error: fault }
    // The first fault is in the log, and so are the worker's own lines: the rest is a count.
    const isTold = isPowerOfTwo(tries) && !(fault.isRepeated === true && tries === 1)
    const isTried = this.#options.mayTry(slot)
    const text = isTried ? 'a worker did not boot, trying again' : 'a worker did not boot'
    log[isTold ? 'error' : 'debug']({ pool, ...(isTried ? { tries } : {}), ...why }, text)
  }
}

function isPowerOfTwo(count: number): boolean {
  return Number.isInteger(Math.log2(count))
}

/** Makes a controller that every empty slot may listen to: Node warns of more than ten listeners as of a leak. */
function newHurry(): AbortController {
  const hurry = new AbortController()
  setMaxListeners(0, hurry.signal)
  return hurry
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => void onAbort(signal, resolve))
}
