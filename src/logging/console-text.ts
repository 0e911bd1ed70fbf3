/**
 * Lines for people: time, level, logger, sentence, `key=value`s with short ids, and below them what takes room: an error, what to do about
 * it, and the frames of a stack that lie in the user's own files. Control characters are escaped.
 */
import { fieldOf, type LogRecord, namedFields, timeText } from './encode.js'
import type { LogFields, LogLevel } from './logger.js'
import { jsonText, RawJson } from './values.js'

const colors: Readonly<Record<LogLevel, number>> = { debug: 90, info: 36, warn: 33, error: 31 }
const grey = 90

/** Fields whose texts are shown below the line when they are sentences. */
const below: ReadonlySet<string> = new Set(['error', 'hint'])
/** Fields that hold ids, which are shortened: the whole ones are in the log as JSON. */
const ids: ReadonlySet<string> = new Set(['job', 'requestId', 'messageId'])

/** Options of lines for people. */
export interface ConsoleLook {
  readonly hasColor: boolean
  /** False where a log is searched line by line: each has its whole ids. Default: true. */
  readonly isBrief?: boolean
}

/** Formats records one after the other. A worker that writes several lines is named on the first of them. */
export function consoleLines(look: ConsoleLook): (record: LogRecord) => string {
  let before = ''
  return (record) => {
    const origin = record.logger === 'worker' ? originOf(record.fields) : ''
    const text = consoleText(record, look, look.isBrief !== false && origin !== '' && origin === before)
    before = origin
    return text
  }
}

/** Formats a record. `isSame`: the line before it came from the same worker and job, which is not written again. */
export function consoleText(
  record: LogRecord,
  { hasColor, isBrief = true }: ConsoleLook,
  isSame = false,
): string {
  const paint = (code: number, text: string) => (hasColor ? `\x1b[${code}m${text}\x1b[0m` : text)
  const shownFields = namedFields(record.fields)
    .filter(([key]) => key !== 'stackTrace' && !(key === 'requestId' && isInJob(record.fields)))
    .filter(([key]) => !(isSame && originKeys.has(key)))
    .map(([key, value]) => ({ key, ...textOf(value, isBrief && ids.has(key)) }))
  const fields = shownFields
    .filter((one) => !isBelow(one))
    .map(({ key, text, isText }) => `${key}=${isText && /[\s="]/.test(text) ? JSON.stringify(text) : text}`)
  const level = paint(colors[record.level], record.level.toUpperCase().padEnd(5))
  const tail = fields.length === 0 ? '' : `  ${paint(grey, escapeControls(fields.join(' ')))}`
  const time = timeText(record.timeMs).slice(11, 23)
  const line = `${paint(grey, time)} ${level} ${record.logger.padEnd(8)} ${escapeControls(record.message)}${tail}`
  const sentences = shownFields
    .filter(isBelow)
    .flatMap(({ key, text }) => text.split('\n').map((one) => ({ key, text: one })))
    .map(
      ({ key, text }) =>
        `    ${key === 'hint' ? paint(colors.info, escapeControls(text)) : escapeControls(text)}`,
    )
  const frames = ownFrames(fieldOf(record.fields, 'stackTrace')).map((frame) =>
    paint(grey, `    ${escapeControls(frame)}`),
  )
  return [line, ...sentences, ...frames].join('\n')
}

interface Shown {
  readonly text: string
  /** True for a text, which is quoted among other fields; false for what is written as JSON. */
  readonly isText: boolean
}

function isBelow({ key, text, isText }: Shown & { readonly key: string }): boolean {
  return isText && below.has(key) && /\s/.test(text)
}

const originKeys: ReadonlySet<string> = new Set(['pool', 'pid', 'thread', 'job'])

function originOf(fields: LogFields): string {
  return [...originKeys].map((key) => String(fieldOf(fields, key) ?? '')).join(' ')
}

const uuid = /^([0-9a-f]{8})-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
// The ids that `rr invoke` makes hold the number of their record.
const numbered = /^[0-9a-f]{8}-0000-4000-8000-0*([1-9]\d*)$/
const idCharactersMax = 12

/** Shortens each part of an id, so that a line fits a terminal. */
function shortId(id: string): string {
  return id
    .split('/')
    .map((part) => {
      const number = numbered.exec(part)?.[1]
      if (number !== undefined) return `#${number}`
      const first = uuid.exec(part)?.[1]
      if (first !== undefined) return first
      return /^\d+$/.test(part) && part.length > idCharactersMax ? `…${part.slice(-6)}` : part
    })
    .join('/')
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

function textOf(value: unknown, isId: boolean): Shown {
  if (value instanceof RawJson) {
    return value.text.startsWith('"')
      ? textOf(JSON.parse(value.text), isId)
      : { text: value.text, isText: false }
  }
  if (value instanceof Error) return { text: errorText(value), isText: true }
  if (typeof value === 'string') return { text: isId ? shortId(value) : value, isText: true }
  return { text: jsonText(value), isText: false }
}

/** One of ours: what happened, what to do, and where the cause was thrown. Any other: its stack. */
function errorText(error: Error): string {
  const { code, message, hint, stack, cause } = membersOf(JSON.parse(jsonText(error)))
  if (code === undefined) return typeof stack === 'string' ? stack : String(message)
  const { stack: causeStack } = membersOf(cause)
  const frames = typeof causeStack === 'string' ? ownFrames(causeStack.split('\n').slice(1)) : []
  return [
    `${String(code)}: ${String(message)}`,
    ...(hint === undefined ? [] : [String(hint)]),
    ...frames,
  ].join('\n')
}

function membersOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {}
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
