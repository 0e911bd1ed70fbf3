/** Types between a pool and what boots its workers. `process-boot.ts` and `thread-boot.ts` boot them. */
import type { WorkerPlace } from '../../worker/place.js'
import type { Worker } from '../../worker/worker.js'

/** Calls by which a worker and its boot tell their pool what happens. */
export interface WorkerCallbacks {
  /** Called when a boot begins, with a function that returns its lines so far. Returns what to call when the boot has ended. */
  onBooting(lastLines: () => readonly string[]): () => void
  /** Called when a worker has nearly run its `max_jobs`: its successor may boot meanwhile. */
  onDue(worker: Worker): void
  onLeaving(worker: Worker): void
  onExited(worker: Worker): void
  onDeadline(dueAt: number): void
  onWithdraw(worker: Worker): void
  onPlace(place: WorkerPlace): void
}

/** Boots one worker up to its PID reply. Rejects with a `BootFault`; aborting kills what was begun. */
export type BootWorker = (events: WorkerCallbacks, signal: AbortSignal) => Promise<Worker>

/** Error of a worker that did not boot, with its last lines of output. */
export interface BootFault extends Error {
  readonly lastLines?: readonly string[]
  readonly pid?: number
  /** The message without those lines, for a log that holds them already. */
  readonly summary?: string
  /** True when the worker wrote what the one before it had written; its lines were not logged. */
  readonly isRepeated?: boolean
}

/** Returns the message of a fault without the lines that the log holds already. */
export function summaryOf(fault: BootFault): string {
  return fault.summary ?? fault.message
}
