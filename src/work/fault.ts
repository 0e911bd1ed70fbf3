/** Rejections of a run → faults that a verdict can carry. Pure. */
import { ErrorCode, hasCode, isObject, messageOf, parseJson } from '../index.js'
import { type Fault, FaultKind, type Verdict, type WorkerError } from './verdict.js'

const kindOfCode: Readonly<Partial<Record<ErrorCode, FaultKind>>> = {
  [ErrorCode.JobFailed]: FaultKind.jobFailed,
  [ErrorCode.WorkerTimeout]: FaultKind.workerTimeout,
  [ErrorCode.WorkerCrashed]: FaultKind.workerCrashed,
  [ErrorCode.BadFrame]: FaultKind.badReply,
  [ErrorCode.FrameTooLarge]: FaultKind.tooLarge,
  [ErrorCode.PoolNoWorkers]: FaultKind.noWorkers,
  [ErrorCode.WorkerBoot]: FaultKind.noWorkers,
  [ErrorCode.PoolQueueFull]: FaultKind.noWorkers,
  [ErrorCode.PoolStopped]: FaultKind.stopped,
  [ErrorCode.JobAborted]: FaultKind.stopped,
}

// Lambda refuses a post of over 1 MB, and a longer text is of no use.
const messageCharactersMax = { own: 200_000, cause: 10_000 } as const
const stackLinesMax = { own: 100, cause: 20 } as const
const stackLineCharactersMax = 2000
const causesMax = 5

/** A fault of one kind, with its text cut to what is read. */
export function makeFault(kind: FaultKind, message: string): Fault {
  return { kind, message: message.slice(0, messageCharactersMax.own) }
}

/** The text that tells people why: the worker's own error with its type, as in a stack. */
export function typedText({ message, own }: Fault): string {
  if (own === undefined) return message
  return own.message === '' ? own.type : `${own.type}: ${own.message}`
}

/** Makes the fault of a rejected run; the worker's own error is kept where it reported one. */
export function faultOfError(error: unknown): Fault {
  const known = Object.entries(kindOfCode).find(([code]) => hasCode(error, code as ErrorCode))
  const kind = known?.[1] ?? FaultKind.workerCrashed
  if (kind !== FaultKind.jobFailed) return makeFault(kind, messageOf(error))
  const text = answerText(error) ?? messageOf(error)
  const own = text.startsWith('{') ? readError(parseJson(text), causesMax) : undefined
  return own === undefined ? makeFault(kind, text) : { kind, message: own.message, own }
}

/** Verdict on a job whose run rejected. */
export function verdictOfError(error: unknown): Verdict {
  const why = faultOfError(error)
  if (!hasCode(error, ErrorCode.WorkerCrashed)) return { kind: 'retry', why }
  return { kind: 'retry', why, isDeath: true, ...(wasShared(error) ? { isShared: true } : {}) }
}

/** True for the death of a worker that had other jobs, too. */
function wasShared(error: unknown): boolean {
  const details: unknown = error instanceof Error && 'details' in error ? error.details : undefined
  return isObject(details) && typeof details.sharedWith === 'number' && details.sharedWith > 0
}

/** The text of the ERROR frame as it came; undefined for an error that the pool made itself. */
function answerText(error: unknown): string | undefined {
  const details: unknown = error instanceof Error && 'details' in error ? error.details : undefined
  const text = isObject(details) ? details.text : undefined
  return typeof text === 'string' ? text : undefined
}

/** JSON with `errorType` and `errorMessage` is the worker's own error. */
function readError(value: unknown, causesLeft: number): WorkerError | undefined {
  if (!isObject(value)) return undefined
  const { errorType: type, errorMessage: message, stackTrace } = value
  const place = causesLeft === causesMax ? 'own' : 'cause'
  if (typeof type !== 'string' || type === '' || typeof message !== 'string') return undefined
  const stack = Array.isArray(stackTrace) ? stackTrace : []
  const cause = causesLeft > 0 ? readError(value.cause, causesLeft - 1) : undefined
  return {
    type,
    message: message.slice(0, messageCharactersMax[place]),
    stack: stack.slice(0, stackLinesMax[place]).map((line) => String(line).slice(0, stackLineCharactersMax)),
    ...(cause === undefined ? {} : { cause }),
  }
}
