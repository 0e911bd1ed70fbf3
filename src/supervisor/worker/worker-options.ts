/** What a worker is made of and what it tells; `worker.ts` is the worker. No behaviour. */
import type { Clock } from '../../core/clock.js'
import type { Logger } from '../../logging/logger.js'
import type { WorkerProcess } from './os/process.js'

/** What a worker is made of. */
export interface WorkerOptions<Self> {
  readonly pool: string
  readonly process: WorkerProcess
  readonly clock: Clock
  readonly log: Logger
  /** Jobs after which it retires; 0 is no limit. */
  readonly jobsMax: number
  /** Jobs after which its successor may boot, so that it is there when `jobsMax` is reached; 0 is never. */
  readonly jobsDue: number
  /** The longest run of one job in ms; 0 is no limit. */
  readonly execTtlMs: number
  /** How long it has between SIGTERM and SIGKILL when a job has run out of time, in ms; 0 is SIGKILL at once. */
  readonly killGraceMs: number
  /** How long it may take to leave after the stop frame. */
  readonly stopTimeoutMs: number
  /** How long a stream that was asked to end may go on, in ms. */
  readonly streamTimeoutMs: number
  /** Its last lines of output, for whoever reports its end. */
  readonly lastLines: () => readonly string[]
  /** Resolves when its output has been read to the end. */
  readonly outputEnded: Promise<void>
  /** Stray bytes on the relay: logged as its output. */
  readonly onJunk: (bytes: Buffer) => void
  /** Called when a job begins or ends: reads everything that was written before, and completes a line without an end. */
  readonly endLines: () => void
  /** It has run `jobsDue` jobs; called once. */
  readonly onDue: (worker: Self) => void
  /** It will take no further job; called once, when it begins to leave. */
  readonly onLeaving: (worker: Self) => void
  /** It has gone; called once, the last of all. */
  readonly onExited: (worker: Self) => void
  /** A job has begun whose first mark is at `markAt` (monotonic ms). */
  readonly onDeadline: (markAt: number) => void
}
