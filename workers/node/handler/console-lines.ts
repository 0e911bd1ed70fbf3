/**
 * `console` of an ordinary handler → lines of JSON, which the server merges into its log: an error that was logged is an error there,
 * and a text of several lines stays one line. Levels are filtered by AWS_LAMBDA_LOG_LEVEL, as AWS's own client does.
 */
import { format, types } from 'node:util'
import { levelKeys, levelOf } from '../../../src/logging/worker-lines.js'
import { reportError } from '../error-text.js'

const levels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const
type Level = (typeof levels)[number]

/** Replaces `console.log`, `info`, `debug`, `warn`, `error`, `trace` and AWS's own `fatal`. */
export function patchConsole(env: NodeJS.ProcessEnv): void {
  const least = levels.map(String).indexOf(env.AWS_LAMBDA_LOG_LEVEL?.toLowerCase() ?? '')
  const isStructured = env.AWS_LAMBDA_LOG_FORMAT?.toUpperCase() === 'JSON'
  for (const [at, level] of levels.entries()) {
    // A fatal line is written at every setting.
    const isWritten = at >= least || level === 'fatal'
    const write = (...values: readonly unknown[]) => {
      process.stdout.write(`${lineOf(level, values, isStructured)}\n`)
    }
    Reflect.set(console, level, isWritten ? write : () => undefined)
  }
  Reflect.set(console, 'log', console.info)
}

/** Formats a call of the console as one line of JSON. */
function lineOf(level: Level, values: readonly unknown[], isStructured: boolean): string {
  const [only] = values
  if (values.length === 1) {
    if (typeof only === 'string') return textLine(level, only)
    if (isStructured && !isError(only)) return objectLine(level, only)
  }
  const error = values.find(isError)
  const message = values.length === 1 && error !== undefined ? titleOf(error) : format(...values)
  return JSON.stringify({ level, message, ...(error === undefined ? {} : reportError(error)) })
}

/**
 * A text that is a JSON object already (a logger's own line) is passed on with every digit. One that names no known level gets that of
 * the call, under a key that it does not have.
 */
function textLine(level: Level, text: string): string {
  const own = text.startsWith('{') && text.trimEnd().endsWith('}') ? parsed(text) : undefined
  if (own === undefined) return JSON.stringify({ level, message: text })
  const line = text.replace(/[\r\n]+/g, ' ')
  const key = levelKeys.find((one) => !Object.hasOwn(own, one))
  if (key === undefined || levelKeys.some((one) => levelOf(Reflect.get(own, one)) !== undefined)) return line
  const rest = line.slice(1).trimStart()
  return `{"${key}":"${level}"${rest.startsWith('}') ? '' : ','}${rest}`
}

function parsed(text: string): object | undefined {
  try {
    return JSON.parse(text)
  } catch {
    // Only looks like JSON: a plain text.
    return undefined
  }
}

/** AWS's JSON format keeps an object as the message; errors within it are told like any other. */
function objectLine(level: Level, value: unknown): string {
  try {
    const message = JSON.stringify(value, (_key, item: unknown) => (isError(item) ? shownError(item) : item))
    if (message !== undefined) return `{"level":"${level}","message":${message}}`
  } catch {
    // Circular, or a BigInt: formatted as in the text format.
  }
  return JSON.stringify({ level, message: format(value) })
}

/** Recognises errors of any realm. */
function isError(value: unknown): value is object {
  return types.isNativeError(value) || value instanceof Error
}

/** Returns an error's fields, including those beside name, message and stack. */
function shownError(error: object): object {
  return { ...error, ...reportError(error) }
}

function titleOf(error: unknown): string {
  const { errorType, errorMessage } = reportError(error)
  return errorMessage === '' ? errorType : `${errorType}: ${errorMessage}`
}
