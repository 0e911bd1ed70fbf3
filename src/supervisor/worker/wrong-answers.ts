/** What the log says of workers that answer something else than they were asked. Each costs the worker. */
import type { Frame } from '../../ipc/frame.js'
import type { ForeignAnswer } from './reply.js'
import type { JobHost } from './running-job.js'

type Names = Pick<JobHost, 'pool' | 'pid' | 'log'>

/** A frame came and no job waits for one. */
export function logUnasked({ pool, pid, log }: Names, { flags, payload }: Frame): void {
  const fields = { pool, pid, flags, bytes: payload.length }
  log.warn(fields, 'a worker answered without a job, it is replaced')
}

/** An answer named another job than the one that runs. */
export function logForeign({ pool, pid, log }: Names, { jobId }: ForeignAnswer, runningJobId = 0): void {
  const fields = { pool, pid, jobId, runningJobId }
  log.warn(fields, 'a worker answered for another job: the answer is dropped, the worker is replaced')
}

/** An ERROR frame named no job, from a worker that knows their numbers. */
export function logAnonymous({ pool, pid, log }: Names, runningJobId = 0): void {
  const text =
    'a worker that announced job_id sent an error without a jobId: the running job fails, the worker is replaced'
  log.warn({ pool, pid, runningJobId }, text)
}

/** Answers of several jobs at once could not be told apart. */
export function logIgnoredConcurrency({ pool, pid, log }: Names): void {
  log.warn({ pool, pid }, 'a worker announced concurrency without job_id: it is ignored')
}
