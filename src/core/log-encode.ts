/** A log record → one line of text: JSON under our names, JSON under AWS's, or for people. Pure. */
import type { LogFields, LogLevel } from './log.js'

/** A line before it is text. */
export interface LogRecord {
  readonly timeMs: number
  readonly level: LogLevel
  readonly logger: string
  readonly message: string
  readonly fields: LogFields
}

const ownKeys: ReadonlySet<string> = new Set(['time', 'timestamp', 'level', 'logger', 'message'])
const causesMax = 4

/** Errors become data, caller's keys that are ours get a prefix. */
function cleanFields(fields: LogFields): Record<string, unknown> {
  const clean: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(fields)) {
    if (value === undefined) continue
    clean[ownKeys.has(key) ? `app_${key}` : key] = value instanceof Error ? errorFields(value) : value
  }
  return clean
}

function errorFields(error: Error, depth = 0): Record<string, unknown> {
  const code = 'code' in error ? error.code : undefined
  const hint = 'hint' in error ? error.hint : undefined
  const isOurs = error.name === 'RelayError'
  return {
    ...(code === undefined ? {} : { code }),
    message: error.message,
    ...(hint === undefined ? {} : { hint }),
    // A fault of ours says all in its sentence; a stranger's is found by its stack.
    ...(isOurs || error.stack === undefined ? {} : { stack: error.stack }),
    ...(error.cause instanceof Error && depth < causesMax
      ? { cause: errorFields(error.cause, depth + 1) }
      : {}),
  }
}

/** What a JSON line holds beside its level and message; AWS's name for the time when `isAws`. */
export function valuesOf(record: LogRecord, isAws: boolean): Record<string, unknown> {
  const time = new Date(record.timeMs).toISOString()
  return { [isAws ? 'timestamp' : 'time']: time, logger: record.logger, ...cleanFields(record.fields) }
}

const colors: Readonly<Record<LogLevel, number>> = { debug: 90, info: 36, warn: 33, error: 31 }

/** One line for a terminal: time, level, logger, sentence, `key=value`s. Control characters cannot get out. */
export function consoleLine(record: LogRecord, hasColor: boolean): string {
  const paint = (code: number, text: string) => (hasColor ? `\x1b[${code}m${text}\x1b[0m` : text)
  const time = new Date(record.timeMs).toISOString().slice(11, 23)
  const fields = Object.entries(cleanFields(record.fields)).map(([key, value]) => `${key}=${shown(value)}`)
  const level = paint(colors[record.level], record.level.toUpperCase().padEnd(5))
  const tail = fields.length === 0 ? '' : `  ${paint(90, escapeControls(fields.join(' ')))}`
  return `${paint(90, time)} ${level} ${record.logger.padEnd(8)} ${escapeControls(record.message)}${tail}`
}

function shown(value: unknown): string {
  if (typeof value === 'object' && value !== null && 'message' in value && 'code' in value) {
    const hint = 'hint' in value ? ` (${String(value.hint)})` : ''
    return `${String(value.code)}: ${String(value.message)}${hint}`
  }
  if (typeof value === 'string') return /[\s="]/.test(value) ? JSON.stringify(value) : value
  return safeJson(value)
}

/** Keeps a worker from forging lines or sending terminal escapes. */
export function escapeControls(text: string): string {
  return text.replace(/(?!\t)\p{Cc}/gu, (one) => `\\x${one.charCodeAt(0).toString(16).padStart(2, '0')}`)
}

/** JSON of anything: what cannot be written (a cycle, a BigInt) says so instead of throwing. */
export function safeJson(value: unknown): string {
  try {
    return JSON.stringify(value) ?? 'null'
  } catch (error) {
    return JSON.stringify(`(not shown: ${error instanceof Error ? error.message : String(error)})`)
  }
}
