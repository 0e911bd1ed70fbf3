/** Encodes a log record as the members of a line of JSON, ours or RoadRunner's. `console-text.ts` makes lines for people. Pure. */
import type { LogFields, LogLevel } from './logger.js'
import type { LogShape } from './shape.js'
import { jsonText, type RawJson } from './values.js'

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

/** Returns the fields that have a value, under the names that are written: a caller's key that is one of ours gets a prefix. */
export function namedFields(fields: LogFields): readonly (readonly [key: string, value: unknown])[] {
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
export function fieldOf(fields: LogFields, key: string): unknown {
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

/** Formats a record as a line of JSON with our members, whatever the log itself is written as. */
export function plainJson(record: LogRecord): string {
  const { level, message, messageJson } = record
  const text = messageJson?.text ?? JSON.stringify(message)
  return `{"level":"${level}"${membersText(record, 'time')},"message":${text}}`
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
export function timeText(ms: number): string {
  if (lastTime.ms !== ms) lastTime = { ms, text: new Date(ms).toISOString() }
  return lastTime.text
}
