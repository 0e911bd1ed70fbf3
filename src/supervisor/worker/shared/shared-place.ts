/** One of the places of a worker that runs several jobs at once. `shared-jobs.ts` has the jobs. */
import type { Undo } from '../../../core/abort.js'
import { assert } from '../../../core/assert.js'
import type { RelayError } from '../../../core/errors.js'
import type { Job, RunOptions } from '../../job.js'
import type { Outcome } from '../job/outcome.js'
import type { PlaceGroup, WorkerPlace } from '../place.js'
import { WorkerState } from '../state.js'

/** The jobs of the worker, as its places see them; a job is a `J`. */
export interface PlaceOwner<J> extends PlaceGroup {
  readonly pid: number
  readonly state: WorkerState
  /** True while the worker takes no job that it is not running. */
  readonly isClosed: boolean
  has(feature: string): boolean
  start(place: SharedPlace<J>, job: Job, options: RunOptions, onOutcome: (outcome: Outcome) => void): void
  abort(place: SharedPlace<J>, error: RelayError): void
  joinWrites(): Undo
  onParked(): void
}

/** Place of a shared worker. */
export class SharedPlace<J> implements WorkerPlace {
  /** Always false: what is sent begins at once. */
  readonly hasRoom = false
  readonly group: PlaceOwner<J>
  /** The job that it holds, also one that was given up and that the worker has not answered. */
  job: J | undefined
  /** True while nobody holds it and it is not offered, because it takes no job. */
  isParked = false

  constructor(group: PlaceOwner<J>) {
    this.group = group
  }

  get pid(): number {
    return this.group.pid
  }

  get state(): WorkerState {
    const { state } = this.group
    if (state !== WorkerState.idle && state !== WorkerState.busy) return state
    return this.job === undefined && !this.group.isClosed ? WorkerState.idle : WorkerState.busy
  }

  has(feature: string): boolean {
    return this.group.has(feature)
  }

  start(job: Job, options: RunOptions, onOutcome: (outcome: Outcome) => void): void {
    this.group.start(this, job, options, onOutcome)
  }

  startNext(): void {
    assert(false, 'a second job for a place of a shared worker')
  }

  joinWrites(): Undo {
    return this.group.joinWrites()
  }

  kill(_why: 'aborted', error: RelayError): void {
    this.group.abort(this, error)
  }

  park(): void {
    if (this.isParked) return
    this.isParked = true
    this.group.onParked()
  }
}
