/** Port between a worker and its jobs, where it runs several at once, and the number that it may run. */
import type { RelayError } from '../../../core/errors.js'
import type { Announced } from '../../../ipc/control.js'
import { jobIdFeature } from '../job/id.js'
import type { JobHost } from '../job/running.js'
import { logCutConcurrency, logIgnoredConcurrency } from '../job/wrong-answers.js'
import type { KillReason, RetireReason, WorkerState } from '../state.js'
import type { Termination } from '../terminate.js'
import type { WorkerOptions } from '../worker-options.js'

/** Feature of workers that run several jobs at once. */
const concurrencyFeature = 'concurrency'
/** Feature of workers that end a job when they are asked to. */
export const cancelFeature = 'cancel'
/** Feature of workers that are told of which job's stream the server speaks. */
export const streamIdFeature = 'stream_id'
// A place is a few objects here, and the jobs of a worker end with it.
const placesMax = 1000

/** Returns the number of jobs that a worker may be sent at once; 1 where it announced nothing else. */
export function placeCountOf(host: JobHost, { features, concurrency = 1 }: Announced): number {
  if (!features.includes(concurrencyFeature)) return 1
  if (!features.includes(jobIdFeature)) {
    logIgnoredConcurrency(host)
    return 1
  }
  if (concurrency > placesMax) logCutConcurrency(host, { concurrency, placesMax })
  return Math.min(concurrency, placesMax)
}

/** The worker as its jobs see it. */
interface SharedWorker {
  readonly state: WorkerState
  readonly why: RetireReason | KillReason | undefined
  has(feature: string): boolean
  retire(why: RetireReason): void
  kill(why: KillReason, error?: RelayError): void
}

/** Parts of the jobs of one worker. */
export interface SharedJobsOptions
  extends Pick<
    WorkerOptions<never>,
    'cancelGraceMs' | 'leaveTimeoutMs' | 'killGraceMs' | 'output' | 'onDeadline' | 'onPlace'
  > {
  readonly host: JobHost
  readonly worker: SharedWorker
  readonly termination: Termination
  /** Moves the worker on: `assign` when the first job is sent, `settle` when it has none any more; the others when all have failed. */
  readonly step: (event: 'assign' | 'settle' | 'kill' | 'exit') => void
  /** Called after each job that was sent. */
  readonly countJob: () => void
  /** Takes back the places that are offered: each is parked. */
  readonly withdraw: () => void
}
