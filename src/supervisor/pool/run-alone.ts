/** Runs a job on a worker that boots for this job and leaves after it, so that the job cannot harm others. */
import { onAbort } from '../../core/abort.js'
import { assert } from '../../core/assert.js'
import type { Clock } from '../../core/clock.js'
import { ErrorCode, RelayError } from '../../core/errors.js'
import type { Job, Reply, RunOptions } from '../job.js'
import { runOn } from '../worker/place.js'
import type { Worker } from '../worker/worker.js'
import { labelOf } from '../worker/worker-id.js'
import type { JobRecords } from './job-records.js'
import type { LiveWorkers } from './live-workers.js'
import { abortedError } from './queue/lease.js'

/** Parts of the pool that such a job uses. */
export interface AloneOptions {
  readonly workers: LiveWorkers
  readonly records: JobRecords
  readonly clock: Clock
}

/** Runs the job; its worker is killed at the job's deadline, when its signal aborts, and when the pool stops. */
export async function runAlone(pool: AloneOptions, job: Job, options: RunOptions): Promise<Reply> {
  const { workers, clock } = pool
  const { deadlineMs, signal } = options
  if (workers.stopped.aborted) throw workers.stoppedError()
  if (signal?.aborted === true) throw abortedError(job)
  let worker: Worker | undefined
  const giveUp = new AbortController()
  const abort = () => giveUp.abort()
  const undoStop = onAbort(workers.stopped, abort)
  const undoSignal = onAbort(signal, () => {
    giveUp.abort()
    worker?.kill('aborted', abortedError(job))
  })
  const timer =
    deadlineMs === undefined ? undefined : clock.timer(deadlineMs - clock.nowMs(), abort, { isWall: true })
  try {
    worker = await workers.boot(giveUp.signal).catch((error: unknown) => {
      throw signal?.aborted === true ? abortedError(job) : error
    })
    return await runOnce(pool.records, worker, job, options)
  } finally {
    timer?.clear()
    undoStop()
    undoSignal()
  }
}

/** Runs the job on a worker without a slot: it takes no other job and is not replaced. */
async function runOnce(records: JobRecords, worker: Worker, job: Job, options: RunOptions): Promise<Reply> {
  const { feature } = options
  if (feature !== undefined && !worker.has(feature)) {
    worker.retire('quarantine')
    const text = `${labelOf(worker.id)}, booted for ${job.id ?? 'a job'} alone, did not announce "${feature}"`
    throw new RelayError(ErrorCode.JobInvalid, text, { details: { feature } })
  }
  const entry = records.assigned(job)
  const startedAt = records.startedAt()
  const [place] = worker.places
  assert(place !== undefined, 'a worker without a place')
  const outcome = await runOn(place, job, options)
  records.settled(job, entry, startedAt, outcome)
  worker.retire('quarantine')
  if (outcome.kind === 'reply') return outcome.reply
  if (outcome.kind === 'fault') throw outcome.error
  const text = `${labelOf(worker.id)}, booted for ${job.id ?? 'a job'} alone, asked to leave instead of answering`
  throw new RelayError(ErrorCode.JobFailed, text)
}
