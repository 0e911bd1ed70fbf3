/**
 * Encodes records as the lines that are written: JSON, or text for people; cut into parts and framed where the log's shape says so.
 * The home of pino.
 */
import { createRequire } from 'node:module'
import type { pino } from 'pino'
import type { LogEncoding } from './channels.js'
import { consoleLines } from './console-text.js'
import { type LogRecord, membersText, roadRunnerText } from './encode.js'
import { partsOf } from './long-lines.js'
import type { LogShape } from './shape.js'

/** Format of the lines. */
export interface LineStyle {
  readonly encoding: LogEncoding
  /** Members of a line of JSON. */
  readonly keys: 'own' | 'roadrunner'
  readonly hasColor: boolean
  readonly shape: LogShape
}

/** Makes the lines of one record, each with its line end, or as a frame. */
export type LineMaker = (record: LogRecord) => readonly (string | Buffer)[]

/** Makes the function that encodes. Loads pino where lines are JSON. */
export function lineMaker(style: LineStyle): LineMaker {
  const { encoding, shape } = style
  const encode = encoder(style)
  const { lineBytesMax, frame } = shape
  const isJson = encoding === 'json'
  const made = (record: LogRecord) => {
    const line = encode(record)
    const { level, timeMs } = record
    return frame === undefined ? line : frame({ text: line.trimEnd(), level, timeMs, isJson })
  }
  if (lineBytesMax === undefined) return (record) => [made(record)]
  let cutCount = 0
  return (record) => {
    const parts = partsOf(record, { id: `log-${cutCount + 1}`, encode, lineBytesMax })
    if (parts.length > 1) cutCount += 1
    return parts.map(made)
  }
}

function encoder({ encoding, keys, hasColor, shape }: LineStyle): (record: LogRecord) => string {
  if (encoding === 'raw') return ({ message }) => `${message}\n`
  if (encoding === 'console') return consoleEncoder(hasColor, shape)
  return keys === 'roadrunner' ? (record) => `${roadRunnerText(record)}\n` : jsonEncoder(shape)
}

function consoleEncoder(hasColor: boolean, { lineBytesMax }: LogShape): (record: LogRecord) => string {
  // Where lines have a limit, a service collects them, and searches them one by one.
  const text = consoleLines({ hasColor, isBrief: lineBytesMax === undefined })
  return (record) => `${text(record)}\n`
}

function jsonEncoder({ timeKey, hasUpperLevels }: LogShape): (record: LogRecord) => string {
  // Synchronous on purpose: the last lines of a dying process must not wait for a module to load.
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
      formatters: { level: (label) => ({ level: hasUpperLevels ? label.toUpperCase() : label }) },
    },
    {
      write: (text) => {
        line = text
      },
    },
  )
  return (record) => {
    const { level, message, messageJson } = record
    members = membersText(record, timeKey)
    if (messageJson === undefined) log[level](message)
    else {
      members += `,"message":${messageJson.text}`
      log[level](undefined)
    }
    return line
  }
}
