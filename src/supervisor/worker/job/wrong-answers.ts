/** Logs answers that do not fit their job. Each one gets its worker replaced. */
import type { Frame } from '../../../ipc/frame.js'
import type { ForeignAnswer } from './reply.js'
import type { JobHost } from './running.js'

type Names = Pick<JobHost, 'pool' | 'id' | 'log'>

/** Logs a frame that came while no job was running. */
export function logUnasked({ pool, id, log }: Names, { flags, payload }: Frame): void {
  const fields = { pool, ...id, flags, bytes: payload.length }
  log.warn(fields, 'a worker answered without a job, it is replaced')
}

/** Logs an answer with the number of another job. */
export function logForeign({ pool, id, log }: Names, { jobId }: ForeignAnswer, runningJobId = 0): void {
  const fields = { pool, ...id, jobId, runningJobId }
  log.warn(fields, 'a worker answered for another job: the answer is dropped, the worker is replaced')
}

/** Logs an ERROR frame without a number from a worker that announced `job_id`. */
export function logAnonymous({ pool, id, log }: Names, runningJobId = 0): void {
  const text =
    'a worker that announced job_id sent an error without a jobId: the running job fails, the worker is replaced'
  log.warn({ pool, ...id, runningJobId }, text)
}

/** Logs an answer with a number that no job of a worker with several has, or no longer has. */
export function logUnknown({ pool, id, log }: Names, jobId: number, jobs: number): void {
  const text = 'a worker answered a job that it does not have: the answer is dropped, the worker is replaced'
  log.warn({ pool, ...id, jobId, jobs }, text)
}

/** Logs that a worker announced more jobs at once than it may have. */
export function logCutConcurrency(
  { pool, id, log }: Names,
  facts: { concurrency: number; placesMax: number },
): void {
  log.warn({ pool, ...id, ...facts }, 'a worker announced more jobs at once than it is sent')
}

/** Logs that `concurrency` is ignored: without numbers, answers of several jobs cannot be told apart. */
export function logIgnoredConcurrency({ pool, id, log }: Names): void {
  log.warn({ pool, ...id }, 'a worker announced concurrency without job_id: it is ignored')
}
