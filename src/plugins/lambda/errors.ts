/**
 * The one table of the errors that Lambda is told: our codes, their types, and the header's type. AWS records a header type
 * only when it matches `(Runtime|Function).[A-Z][A-Za-z]+`.
 */
import { ErrorCode, hasCode, messageOf } from '../../index.js'

/** What `/error` is posted. */
export interface LambdaError {
  readonly errorType: string
  readonly errorMessage: string
  readonly stackTrace: readonly string[]
  /** Cause of the error, where its worker gives one. */
  readonly cause?: LambdaError
}

/** Types of ours. */
export const ErrorType = {
  JobFailed: 'RR.JobFailed',
  WorkerTimeout: 'RR.WorkerTimeout',
  WorkerCrashed: 'RR.WorkerCrashed',
  BadReply: 'RR.BadReply',
  NoWorkers: 'RR.NoWorkers',
  PayloadTooLarge: 'RR.PayloadTooLarge',
  Retry: 'RR.Retry',
  Failed: 'RR.Failed',
  Stopped: 'RR.Stopped',
  InitFailed: 'RR.InitFailed',
  BadEvent: 'RR.BadEvent',
} as const
export type ErrorType = (typeof ErrorType)[keyof typeof ErrorType]

const typeOfCode: Readonly<Partial<Record<ErrorCode, ErrorType>>> = {
  [ErrorCode.JobFailed]: ErrorType.JobFailed,
  [ErrorCode.WorkerTimeout]: ErrorType.WorkerTimeout,
  [ErrorCode.WorkerCrashed]: ErrorType.WorkerCrashed,
  [ErrorCode.BadFrame]: ErrorType.BadReply,
  [ErrorCode.FrameTooLarge]: ErrorType.PayloadTooLarge,
  [ErrorCode.PoolNoWorkers]: ErrorType.NoWorkers,
  [ErrorCode.WorkerBoot]: ErrorType.NoWorkers,
  [ErrorCode.PoolQueueFull]: ErrorType.NoWorkers,
  [ErrorCode.PoolStopped]: ErrorType.Stopped,
  [ErrorCode.JobAborted]: ErrorType.Stopped,
}

const functionTypes: ReadonlySet<string> = new Set([ErrorType.JobFailed, ErrorType.Retry, ErrorType.Failed])
const ourTypes: ReadonlySet<string> = new Set(Object.values(ErrorType))
// A post over 1 MB is refused by Lambda, and nobody reads that far.
const messageCharactersMax = { own: 200_000, cause: 10_000 } as const
const stackLinesMax = { own: 100, cause: 20 } as const
const stackLineCharactersMax = 2000
const causesMax = 5

/** An error of ours by type. */
export function lambdaError(errorType: ErrorType, errorMessage: string): LambdaError {
  return { errorType, errorMessage: errorMessage.slice(0, messageCharactersMax.own), stackTrace: [] }
}

/** Whatever a job rejected with, as Lambda is told it; a worker's own type is kept. */
export function toLambdaError(error: unknown): LambdaError {
  if (hasCode(error, ErrorCode.JobFailed)) return workerError(answerText(error) ?? messageOf(error))
  const known = Object.entries(typeOfCode).find(([code]) => hasCode(error, code as ErrorCode))
  return lambdaError(known?.[1] ?? ErrorType.WorkerCrashed, messageOf(error))
}

/** The text of the ERROR frame as it came; undefined for an error that the pool made itself. */
function answerText(error: unknown): string | undefined {
  const details: unknown = error instanceof Error && 'details' in error ? error.details : undefined
  const text: unknown =
    typeof details === 'object' && details !== null && 'text' in details ? details.text : undefined
  return typeof text === 'string' ? text : undefined
}

/** The text of an ERROR frame: JSON with `errorType` and `errorMessage` is the worker's own error. */
function workerError(text: string): LambdaError {
  const own = text.startsWith('{') ? parseOwn(text) : undefined
  return own ?? lambdaError(ErrorType.JobFailed, text)
}

function parseOwn(text: string): LambdaError | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    // A message that begins with a brace: it is the message.
    return undefined
  }
  return readError(value, causesMax)
}

function readError(value: unknown, causesLeft: number): LambdaError | undefined {
  if (typeof value !== 'object' || value === null || !('errorType' in value) || !('errorMessage' in value))
    return undefined
  const { errorType, errorMessage } = value
  const kind = causesLeft === causesMax ? 'own' : 'cause'
  if (typeof errorType !== 'string' || errorType === '' || typeof errorMessage !== 'string') return undefined
  const stack = 'stackTrace' in value && Array.isArray(value.stackTrace) ? value.stackTrace : []
  const cause = causesLeft > 0 && 'cause' in value ? readError(value.cause, causesLeft - 1) : undefined
  return {
    errorType,
    errorMessage: errorMessage.slice(0, messageCharactersMax[kind]),
    stackTrace: stack
      .slice(0, stackLinesMax[kind])
      .map((line) => String(line).slice(0, stackLineCharactersMax)),
    ...(cause === undefined ? {} : { cause }),
  }
}

/** The header `Lambda-Runtime-Function-Error-Type` of an error. */
export function headerType({ errorType }: LambdaError): string {
  if (!ourTypes.has(errorType)) return 'Function.Unhandled'
  const name = errorType.slice('RR.'.length)
  return functionTypes.has(errorType) ? `Function.${name}` : `Runtime.${name}`
}
