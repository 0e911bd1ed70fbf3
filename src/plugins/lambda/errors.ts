/**
 * The errors that Lambda is told: kinds of faults, their types, and the header's type. AWS records a header type
 * only when it matches `(Runtime|Function).[A-Z][A-Za-z]+`.
 */
import { type Fault, FaultKind, type WorkerError } from '../../work/verdict.js'

/** Body of a POST to `/error`. */
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

const typeOfKind: Readonly<Record<FaultKind, ErrorType>> = {
  [FaultKind.jobFailed]: ErrorType.JobFailed,
  [FaultKind.retry]: ErrorType.Retry,
  [FaultKind.failed]: ErrorType.Failed,
  [FaultKind.badReply]: ErrorType.BadReply,
  [FaultKind.badInput]: ErrorType.BadEvent,
  [FaultKind.workerTimeout]: ErrorType.WorkerTimeout,
  [FaultKind.workerCrashed]: ErrorType.WorkerCrashed,
  [FaultKind.noWorkers]: ErrorType.NoWorkers,
  [FaultKind.tooLarge]: ErrorType.PayloadTooLarge,
  [FaultKind.stopped]: ErrorType.Stopped,
}

const functionTypes: ReadonlySet<string> = new Set([ErrorType.JobFailed, ErrorType.Retry, ErrorType.Failed])
const ourTypes: ReadonlySet<string> = new Set(Object.values(ErrorType))
// Lambda refuses a post of over 1 MB, and a longer text is of no use.
const messageCharactersMax = 200_000

/** An error of ours by type. */
export function lambdaError(errorType: ErrorType, errorMessage: string): LambdaError {
  return { errorType, errorMessage: errorMessage.slice(0, messageCharactersMax), stackTrace: [] }
}

/** A fault as Lambda is told it; a worker's own type is kept. */
export function toLambdaError({ kind, message, own }: Fault): LambdaError {
  return own === undefined ? lambdaError(typeOfKind[kind], message) : ownError(own)
}

function ownError({ type, message, stack, cause }: WorkerError): LambdaError {
  return {
    errorType: type,
    errorMessage: message,
    stackTrace: stack,
    ...(cause === undefined ? {} : { cause: ownError(cause) }),
  }
}

/** The header `Lambda-Runtime-Function-Error-Type` of an error. */
export function headerType({ errorType }: LambdaError): string {
  if (!ourTypes.has(errorType)) return 'Function.Unhandled'
  const name = errorType.slice('RR.'.length)
  return functionTypes.has(errorType) ? `Function.${name}` : `Runtime.${name}`
}
