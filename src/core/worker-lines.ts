/**
 * A line that a worker wrote → the values of a log line. A line that is a JSON object is merged, never nested as text;
 * five keys are ours and win. Pure.
 */

import type { LinePart } from './line-splitter.js'
import type { LogLevel } from './log.js'

/** One line of a worker with what we know about it. */
export interface WorkerLine {
  readonly pool: string
  readonly pid: number
  /** The number of the thread, when the worker is one of the process `pid`. */
  readonly thread?: number
  /** The job that ran, by name. */
  readonly job?: string
  readonly requestId?: string
  readonly tenantId?: string
  readonly stream: 'stdout' | 'stderr'
  readonly text: string
  readonly part?: LinePart
}

/** What is to be logged. */
export interface LineRecord {
  readonly level: LogLevel
  readonly message: string
  readonly fields: Readonly<Record<string, unknown>>
}

// `logger pool pid job requestId` are the worker's tags; the others are every line's own.
const ours: ReadonlySet<string> = new Set([
  'time',
  'timestamp',
  'level',
  'logger',
  'message',
  'pool',
  'pid',
  'job',
  'requestId',
])
const levelKeys = ['level', 'level_name', 'levelname', 'severity'] as const

const levelNames: Readonly<Record<string, LogLevel>> = {
  trace: 'debug',
  debug: 'debug',
  info: 'info',
  information: 'info',
  notice: 'info',
  warn: 'warn',
  warning: 'warn',
  error: 'error',
  err: 'error',
  critical: 'error',
  crit: 'error',
  fatal: 'error',
  alert: 'error',
  emergency: 'error',
  emerg: 'error',
}

/** A level by name, or by number: pino's 10–60, Monolog's 100–600. Undefined when it is neither. */
export function levelOf(value: unknown): LogLevel | undefined {
  if (typeof value === 'string') {
    const name = Object.hasOwn(levelNames, value.toLowerCase()) ? levelNames[value.toLowerCase()] : undefined
    return name ?? (/^\d+$/.test(value) ? levelOf(Number(value)) : undefined)
  }
  if (typeof value !== 'number' || !Number.isFinite(value)) return undefined
  const scaled = value >= 100 ? monologToPino(value) : value
  if (scaled < 30) return 'debug'
  if (scaled < 40) return 'info'
  if (scaled < 50) return 'warn'
  return 'error'
}

// Monolog: debug 100, info 200, notice 250, warning 300, error 400, critical 500, alert 550, emergency 600.
function monologToPino(value: number): number {
  if (value < 200) return 20
  if (value < 300) return 30
  return value < 400 ? 40 : 50
}

/** Reads a worker's line. */
export function readWorkerLine(line: WorkerLine): LineRecord {
  const { pool, pid, thread, job, requestId, tenantId, part } = line
  const tags = {
    pool,
    pid,
    ...(thread === undefined ? {} : { thread }),
    ...(job === undefined ? {} : { job }),
    ...(requestId === undefined ? {} : { requestId }),
    ...(tenantId === undefined ? {} : { tenantId }),
    ...(part === undefined
      ? {}
      : { partId: part.id, part: part.number, ...(part.isLast ? { lastPart: true } : {}) }),
  }
  const object = part === undefined ? parseObject(line.text) : undefined
  if (object === undefined) return { level: 'info', message: line.text, fields: tags }
  const levelKey = levelKeys.find((key) => levelOf(object[key]) !== undefined)
  const messageKey =
    typeof object.message === 'string' ? 'message' : typeof object.msg === 'string' ? 'msg' : undefined
  const fields: Record<string, unknown> = { ...tags }
  for (const [key, value] of Object.entries(object)) {
    if (key === levelKey || key === messageKey) continue
    // Plain assignment of this one key would change the prototype instead.
    if (key === '__proto__') continue
    fields[ours.has(key) || Object.hasOwn(tags, key) ? `app_${key}` : key] = value
  }
  return {
    level: (levelKey === undefined ? undefined : levelOf(object[levelKey])) ?? 'info',
    message: messageKey === undefined ? '' : String(object[messageKey]),
    fields,
  }
}

function parseObject(text: string): Record<string, unknown> | undefined {
  const trimmed = text.trimStart()
  if (!trimmed.startsWith('{')) return undefined
  try {
    const value: unknown = JSON.parse(trimmed)
    return typeof value === 'object' && value !== null ? { ...value } : undefined
  } catch {
    // It only looks like JSON: a plain line.
    return undefined
  }
}
