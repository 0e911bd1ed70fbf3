/** Encodes a log record as one line of text: the members of a line of JSON, or a line for people. Pure. */
import type { LogFields, LogLevel } from './logger.js'
import type { LogShape } from './shape.js'
import { jsonText, RawJson } from './values.js'

/** A log line before it is encoded. */
export interface LogRecord {
  readonly timeMs: number
  readonly level: LogLevel
  readonly logger: string
  /** Name that is written instead. */
  readonly shownLogger?: string
  readonly message: string
  /** The message as JSON where a worker's is not a string; `message` holds the same as text. */
  readonly messageJson?: RawJson
  readonly fields: LogFields
}

const ownKeys: ReadonlySet<string> = new Set(['time', 'timestamp', 'level', 'logger', 'message'])

/** The fields that have a value, under the names that are written: a caller's key that is one of ours gets a prefix. */
function namedFields(fields: LogFields): readonly (readonly [key: string, value: unknown])[] {
  return Object.keys(fields).flatMap((key) => {
    const value = fieldOf(fields, key)
    return value === undefined ? [] : [[freeName(key, fields), value] as const]
  })
}

function freeName(key: string, fields: LogFields): string {
  if (!ownKeys.has(key)) return key
  let name = `app_${key}`
  while (Object.hasOwn(fields, name)) name = `app_${name}`
  return name
}

/** Reads a field; a getter that throws becomes a text that says why. */
function fieldOf(fields: LogFields, key: string): unknown {
  try {
    return fields[key]
  } catch (error) {
    return `(not shown: ${error instanceof Error ? error.message : 'it threw'})`
  }
}

/** Returns `"key":value` of each field, each with a comma before it. */
export function fieldsText(fields: LogFields): string {
  let text = ''
  for (const key of Object.keys(fields)) {
    const value = fieldOf(fields, key)
    if (value !== undefined) text += `,${JSON.stringify(freeName(key, fields))}:${jsonText(value)}`
  }
  return text
}

/** Returns the members of a line of JSON between its level and its message, each with a comma before it. */
export function membersText(record: LogRecord, timeKey: LogShape['timeKey']): string {
  const { timeMs, logger, fields } = record
  return `,"${timeKey}":"${timeText(timeMs)}","logger":${JSON.stringify(logger)}${fieldsText(fields)}`
}

const requestKeys: Readonly<Record<string, string>> = { uri: 'URI', remote: 'remote_address' }
const roadRunnerKeys: ReadonlySet<string> = new Set(['level', 'ts', 'logger', 'msg'])

/** Formats a record as RoadRunner's production log does: `level`, `ts` in nanoseconds, `logger`, `msg`, then the fields. */
export function roadRunnerText(record: LogRecord): string {
  const { timeMs, level, logger, shownLogger = logger, message, fields } = record
  // Readers of its request lines, such as Octane, know them by these words, and by this level.
  const isRequest =
    logger === 'http' && fieldOf(fields, 'remote') !== undefined && fieldOf(fields, 'elapsed') !== undefined
  const msg = JSON.stringify(isRequest ? 'http log' : message)
  const ts = BigInt(Math.floor(timeMs)) * 1_000_000n
  const shownLevel = isRequest ? 'info' : level
  let text = `{"level":"${shownLevel}","ts":${ts},"logger":${JSON.stringify(shownLogger)},"msg":${msg}`
  for (const key of Object.keys(fields)) {
    const value = fieldOf(fields, key)
    if (value === undefined) continue
    const given = (isRequest ? requestKeys[key] : undefined) ?? key
    const name = roadRunnerKeys.has(key) ? `app_${key}` : given
    text += `,${JSON.stringify(name)}:${jsonText(value)}`
  }
  return `${text}}`
}

let lastTime = { ms: Number.NaN, text: '' }

/** Formats a time by RFC 3339; most lines of a millisecond share its text. */
function timeText(ms: number): string {
  if (lastTime.ms !== ms) lastTime = { ms, text: new Date(ms).toISOString() }
  return lastTime.text
}

const colors: Readonly<Record<LogLevel, number>> = { debug: 90, info: 36, warn: 33, error: 31 }

/**
 * Formats a record for people: time, level, logger, sentence, `key=value`s, and below them the frames of `stackTrace` that lie in
 * the user's own files. Control characters are escaped.
 */
export function consoleText(record: LogRecord, hasColor: boolean): string {
  const paint = (code: number, text: string) => (hasColor ? `\x1b[${code}m${text}\x1b[0m` : text)
  const fields = namedFields(record.fields)
    .filter(([key]) => key !== 'stackTrace' && !(key === 'requestId' && isInJob(record.fields)))
    .map(([key, value]) => `${key}=${shown(value)}`)
  const level = paint(colors[record.level], record.level.toUpperCase().padEnd(5))
  const tail = fields.length === 0 ? '' : `  ${paint(90, escapeControls(fields.join(' ')))}`
  const time = timeText(record.timeMs).slice(11, 23)
  const line = `${paint(90, time)} ${level} ${record.logger.padEnd(8)} ${escapeControls(record.message)}${tail}`
  return [
    line,
    ...ownFrames(fieldOf(record.fields, 'stackTrace')).map((frame) =>
      paint(90, `    ${escapeControls(frame)}`),
    ),
  ].join('\n')
}

/** True when the job's name holds the request's id. */
function isInJob(fields: LogFields): boolean {
  const [job, requestId] = [fieldOf(fields, 'job'), fieldOf(fields, 'requestId')]
  return typeof job === 'string' && typeof requestId === 'string' && job.startsWith(requestId)
}

const frameLinesMax = 20
// Of packages, of the languages themselves, and of our own SDKs.
const foreignFrame =
  /\/node_modules\/|node:|\/vendor\/|\/(?:site|dist)-packages\/|\/lib\/python\d|<frozen |\/dist\/workers\/node\/|\/workers\/php\/src\/|\/relayrunner\//

/** The frames of a stack that lie in the user's own files. */
function ownFrames(stackTrace: unknown): readonly string[] {
  if (!Array.isArray(stackTrace)) return []
  return stackTrace
    .filter((frame): frame is string => typeof frame === 'string' && !foreignFrame.test(frame))
    .flatMap((frame) => frame.trim().split('\n'))
    .filter((line) => line !== '')
    .slice(0, frameLinesMax)
}

function shown(value: unknown): string {
  if (value instanceof RawJson) return value.text.startsWith('"') ? shown(JSON.parse(value.text)) : value.text
  if (value instanceof Error) return shownError(value)
  if (typeof value === 'string') return /[\s="]/.test(value) ? JSON.stringify(value) : value
  return jsonText(value)
}

function shownError(error: Error): string {
  const text = jsonText(error)
  const parsed: unknown = JSON.parse(text)
  const fields: Readonly<Record<string, unknown>> =
    typeof parsed === 'object' && parsed !== null ? { ...parsed } : {}
  const { code, message, hint, stack } = fields
  if (code === undefined) return typeof stack === 'string' ? JSON.stringify(stack) : text
  return `${String(code)}: ${String(message)}${hint === undefined ? '' : ` (${String(hint)})`}`
}

// Beside control characters: marks that turn the direction of text around, and the line ends of Unicode.
const hidden = /(?!\t)[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu

/** Escapes characters by which text could forge lines, control a terminal, or show itself in another order than it has. */
function escapeControls(text: string): string {
  return text.replace(hidden, (one) => {
    const code = one.charCodeAt(0)
    return code < 0x100
      ? `\\x${code.toString(16).padStart(2, '0')}`
      : `\\u${code.toString(16).padStart(4, '0')}`
  })
}
