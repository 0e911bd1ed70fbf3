/** The sentences of a job's faults. Pure: values in, one `RelayError` out. */
import { ErrorCode, RelayError } from '../../core/errors.js'
import type { Job } from '../pool/pool.js'
import type { ProcessExit } from './process.js'

function named(job: Job | undefined): string {
  return job?.id === undefined ? 'a job' : `job ${job.id}`
}

const toldMax = 5

function said(lastLines: readonly string[]): string {
  return lastLines.length === 0 ? '' : `; its last lines: ${lastLines.slice(-toldMax).join(' | ')}`
}

/** The worker answered with an ERROR frame: the job failed, the worker is fit. */
export function jobFailed(about: { pid: number; job: Job; text: string }): RelayError {
  return new RelayError(ErrorCode.JobFailed, about.text, { details: { pid: about.pid, job: about.job.id } })
}

/** The job's time was up. */
export function lateError(about: {
  pid: number
  job: Job
  why: 'exec_ttl' | 'deadline'
  ranMs: number
  limitMs: number
  lastLines: readonly string[]
}): RelayError {
  const { pid, job, why, ranMs, limitMs, lastLines } = about
  const limit = why === 'exec_ttl' ? 'exec_ttl' : 'the time left before the deadline'
  const text = `${named(job)} ran ${Math.round(ranMs)} ms in worker ${pid}; ${limit} was ${Math.round(limitMs)} ms${said(lastLines)}`
  return new RelayError(ErrorCode.WorkerTimeout, text, {
    hint: 'The worker was killed. Raise the limit, or find out what the job waits for.',
    details: { pid, job: job.id },
  })
}

/** The worker answered with something that is no answer. */
export function badFrame(about: { pid: number; job: Job; what: string; bytes: Buffer }): RelayError {
  const { pid, job, what, bytes } = about
  const excerpt =
    bytes.length === 0 ? '' : ` (begins ${bytes.subarray(0, 32).toString('hex')}, "${printable(bytes)}")`
  return new RelayError(ErrorCode.BadFrame, `worker ${pid} answered ${named(job)} with ${what}${excerpt}`, {
    hint: 'Over pipes, standard output is the protocol: print to standard error instead.',
    details: { pid, job: job.id },
  })
}

function printable(bytes: Buffer): string {
  return bytes.toString('latin1').replace(/[^\x20-\x7e]/g, '.')
}

/** The process ended before it answered. */
export function crash(about: {
  pid: number
  job: Job | undefined
  exit: ProcessExit
  lastLines: readonly string[]
}): RelayError {
  const { pid, job, exit, lastLines } = about
  const end = exit.signal === null ? `with exit code ${exit.code ?? 'unknown'}` : `by ${exit.signal}`
  return new RelayError(
    ErrorCode.WorkerCrashed,
    `worker ${pid} ended ${end} before it answered ${named(job)}${said(lastLines)}`,
    {
      hint: 'The worker is replaced. Look at its log lines just before.',
      details: { pid, job: job?.id, exitCode: exit.code, signal: exit.signal },
    },
  )
}
