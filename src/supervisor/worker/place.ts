/** Port of the right to run jobs on a worker, one after the other. */
import type { Undo } from '../../core/abort.js'
import type { RelayError } from '../../core/errors.js'
import type { Job, RunOptions } from '../job.js'
import type { Outcome } from './job/outcome.js'
import type { WorkerState } from './state.js'

/** Places of a worker that runs several jobs at once. */
export interface PlaceGroup {
  readonly places: readonly WorkerPlace[]
}

/** Place for one job at a time. A worker that runs one job at a time is its own place; one that runs several has as many places. */
export interface WorkerPlace {
  readonly pid: number
  /** `idle` while it takes a job. */
  readonly state: WorkerState
  /** All places of its worker, when that runs several jobs at once. */
  readonly group: PlaceGroup | undefined
  /** True when a second job may be sent, to wait behind the one that runs. */
  readonly hasRoom: boolean
  /** True when its worker announced that it understands `feature`. */
  has(feature: string): boolean
  /** Sends a job; see `Worker.start`. */
  start(job: Job, options: RunOptions, onOutcome: (outcome: Outcome) => void): void
  /** Sends a second job; see `Worker.startNext`. */
  startNext(job: Job, options: RunOptions, onOutcome: (outcome: Outcome) => void): void
  /** Holds back what is sent to its worker until the returned function is called. */
  joinWrites(): Undo
  /** Ends its job because the caller gave it up: its outcome is `error`. */
  kill(why: 'aborted', error: RelayError): void
  /** Called when it is given back while it takes no job; absent where that does not change any more. */
  park?(): void
}

/** Sends a job to an idle place; resolves with its outcome, never rejects. */
export function runOn(place: WorkerPlace, job: Job, options: RunOptions = {}): Promise<Outcome> {
  return new Promise((resolve) => place.start(job, options, resolve))
}
