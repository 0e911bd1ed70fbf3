/**
 * Records → the lines that are written: JSON, or text for people; inside Lambda cut into parts that its collector leaves whole, and
 * framed for the descriptor that some runtimes get. The home of pino.
 */
import { createRequire } from 'node:module'
import type { pino } from 'pino'
import { consoleText, type LogRecord, membersText } from './encode.js'
import { partsOf } from './parts.js'
import { telemetryFrame } from './telemetry.js'

/** Format of the lines. */
export interface LineStyle {
  readonly encoding: 'console' | 'json'
  readonly hasColor: boolean
  /** AWS's names and levels. */
  readonly isAws: boolean
  /** Cut at the size that Lambda's collector leaves whole. */
  readonly hasParts: boolean
  /** A frame a line. */
  readonly isFramed: boolean
}

/** Makes the lines of one record, each with its line end. */
export type LineMaker = (record: LogRecord) => readonly (string | Buffer)[]

/** Makes the function that encodes. Loads pino where lines are JSON. */
export function lineMaker(style: LineStyle): LineMaker {
  const { hasParts, isFramed, isAws } = style
  const encode = style.encoding === 'json' ? jsonEncoder(isAws) : consoleEncoder(style.hasColor)
  const isJson = isAws && style.encoding === 'json'
  let partCount = 0
  const cut = (record: LogRecord) => {
    const parts = partsOf(record, `log-${partCount + 1}`, encode)
    if (parts.length > 1) partCount += 1
    return parts
  }
  const made = (record: LogRecord) => {
    const line = encode(record)
    const { level, timeMs } = record
    return isFramed ? telemetryFrame({ text: line.trimEnd(), level, timeMs, isJson }) : line
  }
  return hasParts ? (record) => cut(record).map(made) : (record) => [made(record)]
}

function consoleEncoder(hasColor: boolean): (record: LogRecord) => string {
  return (record) => `${consoleText(record, hasColor)}\n`
}

function jsonEncoder(isAws: boolean): (record: LogRecord) => string {
  // Synchronous on purpose: the last words of a dying process must not wait for a module to load.
  const load: typeof pino = createRequire(import.meta.url)('pino')
  let members = ''
  let line = ''
  const log = load(
    {
      level: 'debug',
      base: null,
      // The one place where pino takes text as it is: a worker's numbers would lose digits as values.
      timestamp: () => members,
      messageKey: 'message',
      formatters: { level: (label) => ({ level: isAws ? label.toUpperCase() : label }) },
    },
    {
      write: (text) => {
        line = text
      },
    },
  )
  return (record) => {
    const { level, message, messageJson } = record
    members = membersText(record, isAws)
    if (messageJson === undefined) log[level](message)
    else {
      members += `,"message":${messageJson.text}`
      log[level](undefined)
    }
    return line
  }
}
