/** What a pool and whoever brings its workers up say to each other. `process-boot.ts` and `thread-boot.ts` do it. */
import type { Worker } from '../../worker/worker.js'

/** What a pool hears of the workers that it has brought up. */
export interface WorkerEvents {
  /** A boot has begun; the function tells what it said so far. Returns what to call when the boot has ended. */
  onBooting(lastLines: () => readonly string[]): () => void
  /** It has nearly run its `max_jobs`: its successor may boot meanwhile. */
  onDue(worker: Worker): void
  onLeaving(worker: Worker): void
  onExited(worker: Worker): void
  onDeadline(markAt: number): void
}

/** Brings one worker up to its PID reply. Rejects with a `BootFault`; aborting kills what was begun. */
export type BootWorker = (events: WorkerEvents, signal: AbortSignal) => Promise<Worker>

/** Why a worker did not come up, with its last lines of output. */
export interface BootFault extends Error {
  readonly lastLines?: readonly string[]
  readonly pid?: number
  /** The message without those lines, for a log that holds them already. */
  readonly summary?: string
  /** The worker said what the one before it had said; its lines were not written. */
  readonly isRepeated?: boolean
}

/** The message of a fault without the lines that the log holds already. */
export function summaryOf(fault: BootFault): string {
  return fault.summary ?? fault.message
}
