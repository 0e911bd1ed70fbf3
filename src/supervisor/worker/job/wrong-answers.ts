/** Logs answers that do not fit their job. Each one gets its worker replaced. */
import type { Frame } from '../../../ipc/frame.js'
import type { ForeignAnswer } from './reply.js'
import type { JobHost } from './running.js'

type Names = Pick<JobHost, 'pool' | 'pid' | 'log'>

/** Logs a frame that came while no job was running. */
export function logUnasked({ pool, pid, log }: Names, { flags, payload }: Frame): void {
  const fields = { pool, pid, flags, bytes: payload.length }
  log.warn(fields, 'a worker answered without a job, it is replaced')
}

/** Logs an answer with the number of another job. */
export function logForeign({ pool, pid, log }: Names, { jobId }: ForeignAnswer, runningJobId = 0): void {
  const fields = { pool, pid, jobId, runningJobId }
  log.warn(fields, 'a worker answered for another job: the answer is dropped, the worker is replaced')
}

/** Logs an ERROR frame without a number from a worker that announced `job_id`. */
export function logAnonymous({ pool, pid, log }: Names, runningJobId = 0): void {
  const text =
    'a worker that announced job_id sent an error without a jobId: the running job fails, the worker is replaced'
  log.warn({ pool, pid, runningJobId }, text)
}

/** Logs that `concurrency` is ignored: without numbers, answers of several jobs cannot be told apart. */
export function logIgnoredConcurrency({ pool, pid, log }: Names): void {
  log.warn({ pool, pid }, 'a worker announced concurrency without job_id: it is ignored')
}
