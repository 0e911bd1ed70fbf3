/** Makes the errors of jobs that fail because of what else their worker runs. Pure. */
import { ErrorCode, RelayError } from '../../../core/errors.js'
import type { Job } from '../../job.js'
import type { KillReason } from '../state.js'
import { labelOf, type WorkerId } from '../worker-id.js'

/** The worker sent a frame that does not say which of its jobs it answers. */
export function namelessAnswer(id: WorkerId, count: number): RelayError {
  const text = `${labelOf(id)} sent an answer without a jobId while it had ${count} jobs: none of them can be told apart`
  return new RelayError(ErrorCode.BadFrame, text, {
    hint: 'A worker that announced concurrency puts the jobId of the job into the context of every answer.',
    details: { ...id },
  })
}

/** The worker was ended because of another job. */
export function endedWithAnother(id: WorkerId, why: KillReason): RelayError {
  const text = `${labelOf(id)} was killed because another of its jobs did not end (${why}), before it answered this one`
  return new RelayError(ErrorCode.WorkerTimeout, text, {
    hint: 'Let handlers end when they are cancelled, or raise `destroy_timeout`: the other jobs have that long to end.',
    details: { ...id },
  })
}

/** The reader of a stream has gone, and the worker did not end it. */
export function endlessStream(id: WorkerId, job: Job): RelayError {
  const text = `${labelOf(id)} did not end the stream of ${job.id === undefined ? 'a job' : `job ${job.id}`} although its reader had gone`
  return new RelayError(ErrorCode.WorkerTimeout, text, {
    hint: 'End a stream when it is stopped, or raise `stream_timeout`.',
    details: { ...id, job: job.id },
  })
}

/** The deadline of a job came while it waited for the worker to itself. */
export function neverAlone(id: WorkerId, job: Job): RelayError {
  const text = `the deadline of ${job.id === undefined ? 'a job' : `job ${job.id}`} came before it began: it waited for ${labelOf(id)} to have no other`
  return new RelayError(ErrorCode.WorkerTimeout, text, { details: { ...id, job: job.id } })
}
