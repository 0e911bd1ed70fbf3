/** Options of a worker, and the callbacks to its pool. No behaviour. */
import type { Clock } from '../../core/clock.js'
import type { Logger } from '../../logging/logger.js'
import type { WorkerProcess } from './os/process.js'
import type { WorkerOutput } from './output.js'
import type { WorkerPlace } from './place.js'

/** Parts and limits of a worker. */
export interface WorkerOptions<Self> {
  readonly pool: string
  readonly process: WorkerProcess
  readonly clock: Clock
  readonly log: Logger
  /** Jobs after which it retires; 0 means no limit. */
  readonly jobsMax: number
  /** Jobs after which its successor may boot, so that it is there when `jobsMax` is reached; 0 is never. */
  readonly jobsDue: number
  /** The longest run of one job in ms; 0 means no limit. */
  readonly execTtlMs: number
  /** Grace period between SIGTERM and SIGKILL when a job has run out of time, in ms; 0 is SIGKILL at once. */
  readonly killGraceMs: number
  /** Longest time to leave after the stop frame, in ms. */
  readonly stopTimeoutMs: number
  /** Longest time that a stream may go on after it was asked to end, in ms. */
  readonly streamTimeoutMs: number
  readonly output: WorkerOutput
  /** Called once, when it has run `jobsDue` jobs. */
  readonly onDue: (worker: Self) => void
  /** Called once, when it begins to leave: it takes no further job. */
  readonly onLeaving: (worker: Self) => void
  /** Called once, the last of all, when its process has gone. */
  readonly onExited: (worker: Self) => void
  /** Time that a worker with several jobs has to end one that it was asked to cancel, in ms. */
  readonly cancelGraceMs: number
  /** Longest time that its other jobs have when it does not, in ms. */
  readonly leaveTimeoutMs: number
  /** Called when a worker with several places takes no job for now: those that are offered are to be parked. */
  readonly onWithdraw: (worker: Self) => void
  /** Called when a place that was parked takes jobs again. */
  readonly onPlace: (place: WorkerPlace) => void
  /** Called when a job begins: its warning or limit is due at `dueAt` (monotonic ms), Infinity when it has none. */
  readonly onDeadline: (dueAt: number) => void
}
