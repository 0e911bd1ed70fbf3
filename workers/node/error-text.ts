/**
 * Converts whatever was thrown or rejected with into an error as Lambda's callers know it. Never throws, whatever the value does
 * when it is read.
 */
import { types } from 'node:util'

/** JSON content of an ERROR frame. */
export interface ErrorReport {
  readonly errorType: string
  readonly errorMessage: string
  readonly stackTrace: readonly string[]
  /** Cause that the error itself names. */
  readonly cause?: ErrorReport
}

const stackLinesMax = 50
const causesMax = 5
const aggregatedMax = 5
// AWS's text for an error that cannot be read.
const unreadable: ErrorReport = {
  errorType: 'handled',
  errorMessage:
    'callback called with Error argument, but there was a problem while retrieving one or more of its message, name, and stack',
  stackTrace: [],
}

/** Returns the error as JSON. */
export function errorText(error: unknown): string {
  return JSON.stringify(reportError(error))
}

/** Describes anything that can be thrown. */
export function reportError(error: unknown): ErrorReport {
  return report(error, causesMax)
}

function report(error: unknown, causesLeft: number): ErrorReport {
  // Rejected without a reason: AWS's client uses this one word.
  if (error === undefined || error === null)
    return { errorType: 'string', errorMessage: 'handled', stackTrace: [] }
  try {
    return isErrorLike(error) ? ofError(error, causesLeft) : ofValue(error)
  } catch {
    return unreadable
  }
}

/** Describes errors of any realm, and objects that look like one. */
function isErrorLike(error: unknown): error is object {
  if (types.isNativeError(error) || error instanceof Error) return true
  if (typeof error !== 'object' || error === null) return false
  return ['name', 'message', 'stack'].every((key) => {
    const value: unknown = Reflect.get(error, key)
    return typeof value === 'string' && value !== ''
  })
}

function ofValue(value: unknown): ErrorReport {
  // A value without a text (a null prototype) is unreadable to AWS's client, too.
  const text = typeof value === 'object' ? objectText(value) : String(value)
  return { errorType: typeof value, errorMessage: text, stackTrace: [] }
}

function objectText(value: object | null): string {
  return `${value}`
}

function ofError(error: object, causesLeft: number): ErrorReport {
  const message = textOf(readOf(error, 'message'))
  const base = {
    errorType: typeNameOf(error),
    errorMessage: message,
    stackTrace: [...stackOf(error, message), ...aggregatedOf(error)],
  }
  const cause = causesLeft > 0 && hasCause(error) ? readOf(error, 'cause') : undefined
  return cause === undefined || cause === null ? base : { ...base, cause: report(cause, causesLeft - 1) }
}

/** Reads a property; undefined when its getter throws. */
function readOf(error: object, key: string): unknown {
  try {
    return Reflect.get(error, key)
  } catch {
    return undefined
  }
}

function hasCause(error: object): boolean {
  try {
    return 'cause' in error
  } catch {
    return false
  }
}

function typeNameOf(error: object): string {
  const name = readOf(error, 'name')
  if (typeof name === 'string' && name !== '') return name
  const made: unknown = readOf(error, 'constructor')
  const className: unknown = typeof made === 'function' ? readOf(made, 'name') : undefined
  return typeof className === 'string' && className !== '' ? className : 'Error'
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value
  if (value === undefined || value === null) return ''
  try {
    return typeof value === 'object' ? (JSON.stringify(value) ?? String(value)) : String(value)
  } catch {
    return ''
  }
}

/** The frames below the message, which may have several lines of its own. */
function stackOf(error: object, message: string): string[] {
  const stack = readOf(error, 'stack')
  if (typeof stack !== 'string') return []
  const at = message === '' ? -1 : stack.indexOf(message)
  const frames = at < 0 ? stack : stack.slice(at + message.length)
  return frames
    .split('\n')
    .slice(1, 1 + stackLinesMax)
    .map((line) => line.trim())
}

/** Describes the errors of an AggregateError, one line each. */
function aggregatedOf(error: object): string[] {
  const errors = readOf(error, 'errors')
  if (!Array.isArray(errors)) return []
  return errors.slice(0, aggregatedMax).map((one: unknown, at) => {
    const { errorType, errorMessage } = report(one, 0)
    return `[errors ${at}] ${errorType}: ${errorMessage}`
  })
}
