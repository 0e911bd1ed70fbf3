/** Makes the outcome of a job and the errors of its faults. Pure: values in, one outcome or one `RelayError` out. */
import { unreachable } from '../../../core/assert.js'
import { ErrorCode, messageOf, RelayError } from '../../../core/errors.js'
import type { Job, Reply } from '../../job.js'
import type { ProcessExit } from '../os/process.js'
import { labelOf, type WorkerId } from '../worker-id.js'
import type { WholeAnswer } from './reply.js'

/** End of a job: an answer, a fault of the job, or not at all (the job is to go to another worker). */
export type Outcome =
  | { readonly kind: 'reply'; readonly reply: Reply }
  | { readonly kind: 'fault'; readonly error: RelayError }
  | { readonly kind: 'unserved'; readonly why: 'self_stop' | 'left' }

/** Returns the outcome that a whole answer means for its job. */
export function outcomeOf(answer: WholeAnswer, about: { id: WorkerId; job: Job }): Outcome {
  switch (answer.kind) {
    case 'error':
      return { kind: 'fault', error: jobFailed({ ...about, text: answer.text }) }
    case 'self_stop':
      return { kind: 'unserved', why: 'self_stop' }
    case 'reply':
      return { kind: 'reply', reply: answer.reply }
    default:
      return unreachable(answer)
  }
}

function named(job: Job | undefined): string {
  return job?.id === undefined ? 'a job' : `job ${job.id}`
}

const toldMax = 5
// Node writes the message first, then up to ten lines of stack, some of its own, and its version.
const toldOfEndMax = 12
const noise = /^\s*$|\bnode:internal\/|^Node\.js v\d/

function said(lastLines: readonly string[]): string {
  return lastLines.length === 0 ? '' : `; its last lines: ${lastLines.slice(-toldMax).join(' | ')}`
}

/** Joins the lines of a process that ended which tell why; empty when it wrote nothing. */
export function lastWords(lastLines: readonly string[]): string {
  return lastLines
    .filter((line) => !noise.test(line))
    .slice(-toldOfEndMax)
    .join(' | ')
}

/** Makes the error for an ERROR frame: the job failed, the worker is fit. The frame's text stays in the details. */
function jobFailed({ id, job, text }: { id: WorkerId; job: Job; text: string }): RelayError {
  return new RelayError(ErrorCode.JobFailed, readable(text), { details: { ...id, job: job.id, text } })
}

/** Returns `type: message` for JSON with `errorType` and `errorMessage`, and any other text as it is. */
function readable(text: string): string {
  if (!text.startsWith('{')) return text
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    // A text that begins with a brace.
    return text
  }
  if (typeof value !== 'object' || value === null || !('errorType' in value) || !('errorMessage' in value))
    return text
  const { errorType, errorMessage } = value
  if (typeof errorType !== 'string' || errorType === '' || typeof errorMessage !== 'string') return text
  return errorMessage === '' ? errorType : `${errorType}: ${errorMessage}`
}

/** The job's time was up. */
export function lateError(about: {
  id: WorkerId
  job: Job
  why: 'exec_ttl' | 'deadline'
  ranMs: number
  limitMs: number
  seenAt: string | undefined
  lastLines: readonly string[]
}): RelayError {
  const { id, job, why, ranMs, limitMs, seenAt, lastLines } = about
  const limit = why === 'exec_ttl' ? 'exec_ttl' : 'the time left before the deadline'
  const where = seenAt === undefined ? said(lastLines) : `; where it was, it says: ${seenAt}`
  const text = `${named(job)} ran ${Math.round(ranMs)} ms in ${labelOf(id)}; ${limit} was ${Math.round(limitMs)} ms${where}`
  return new RelayError(ErrorCode.WorkerTimeout, text, {
    hint: 'The worker was killed. Raise the limit, or find out what the job waits for.',
    details: { ...id, job: job.id },
  })
}

/** Makes the error for a job whose deadline came while it waited behind another one in the pipe of a worker that was killed. */
export function neverBegun({ id, job }: { id: WorkerId; job: Job }): RelayError {
  const text = `the deadline of ${named(job)} came before it began: it waited behind another job of ${labelOf(id)}, which was killed`
  return new RelayError(ErrorCode.WorkerTimeout, text, {
    hint: 'Find out what the job before it waited for.',
    details: { ...id, job: job.id },
  })
}

/** Makes the error for a job that may have begun in a worker that was killed for what it answered to the job before. */
export function mayHaveBegun({ id, job }: { id: WorkerId; job: Job }): RelayError {
  const text = `${labelOf(id)} was killed for the job before ${named(job)}, which it may have begun`
  return new RelayError(ErrorCode.BadFrame, text, {
    hint: 'Look at the log lines of the worker just before.',
    details: { ...id, job: job.id },
  })
}

/** Makes the error for a job that took longer than its worker could wait to leave. */
export function outlasted(about: {
  id: WorkerId
  job: Job | undefined
  limit: 'reset_timeout' | 'destroy_timeout'
  limitMs: number
}): RelayError {
  const { id, job, limit, limitMs } = about
  const code = limit === 'reset_timeout' ? ErrorCode.WorkerTimeout : ErrorCode.PoolStopped
  const text = `${named(job)} did not end within the ${Math.round(limitMs)} ms that ${limit} left its ${labelOf(id)}`
  return new RelayError(code, text, {
    hint: `The worker was killed. Raise \`${limit}\`, or limit jobs by \`exec_ttl\`.`,
    details: { ...id, job: job?.id },
  })
}

/** Makes the error for an answer that is not one. */
export function badFrame(about: { id: WorkerId; job: Job; what: string; bytes: Buffer }): RelayError {
  const { id, job, what, bytes } = about
  const excerpt =
    bytes.length === 0 ? '' : ` (begins ${bytes.subarray(0, 32).toString('hex')}, "${printable(bytes)}")`
  return new RelayError(ErrorCode.BadFrame, `${labelOf(id)} answered ${named(job)} with ${what}${excerpt}`, {
    hint: 'Over pipes, standard output is the protocol: print to standard error instead.',
    details: { ...id, job: job.id },
  })
}

function printable(bytes: Buffer): string {
  return bytes.toString('latin1').replace(/[^\x20-\x7e]/g, '.')
}

/** Returns the outcome of a job whose worker has ended. With code 0 after it said that it leaves, it has not looked at what lay in its pipe. */
export function endOutcome(
  about: Parameters<typeof crash>[0] & { readonly running: EndedJob | undefined },
): Outcome {
  const { running, exit } = about
  if (running?.isBehindLeaving === true && exit.code === 0) return { kind: 'unserved', why: 'left' }
  return { kind: 'fault', error: crash(about) }
}

interface EndedJob {
  readonly job: Job
  readonly lines: readonly string[]
  readonly isBehindLeaving: boolean
}

/** Makes the error for a process that ended before it answered. */
export function crash(about: {
  id: WorkerId
  running: { readonly job: Job; readonly lines: readonly string[] } | undefined
  exit: ProcessExit
  /** Time that the worker had to end after it closed its relay; undefined when it did not close it. */
  lostRelayMs: number | undefined
  /** Number of other jobs that it had: any of them may be the reason. */
  sharedWith?: number
}): RelayError {
  const { id, running, exit, lostRelayMs, sharedWith = 0 } = about
  const job = running?.job
  const ended = exit.signal === null ? `with exit code ${exit.code ?? 'unknown'}` : `by ${exit.signal}`
  const end =
    lostRelayMs === undefined
      ? `ended ${ended}`
      : `closed its relay, did not end within ${lostRelayMs} ms and was killed`
  return new RelayError(
    ErrorCode.WorkerCrashed,
    `${labelOf(id)} ${end} before it answered ${named(job)}${beside(sharedWith)}${said(running?.lines ?? [])}`,
    {
      hint: 'The worker is replaced. Look at its log lines just before.',
      details: { ...id, job: job?.id, exitCode: exit.code, signal: exit.signal, sharedWith },
    },
  )
}

function beside(count: number): string {
  return count === 0 ? '' : `, and ${count} other${count === 1 ? '' : 's'} that it had`
}

/** Makes the error for a job that could not be encoded as a frame: nothing was sent, and the worker is free again. */
export function unsent(id: WorkerId, cause: unknown): Outcome {
  const what = `a job could not be sent to ${labelOf(id)}: ${messageOf(cause)}`
  const error = cause instanceof RelayError ? cause : new RelayError(ErrorCode.JobInvalid, what, { cause })
  return { kind: 'fault', error }
}
