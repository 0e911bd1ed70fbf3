/** Shows lines and failures of the log as they are in the live document: cut to what a screen can hold, numbered from 1. */
import type { NumberedLine } from '../../logging/recent-lines.js'
import { jsonText } from '../../logging/values.js'
import type { LiveFailure, LiveLine } from './document.js'

const charactersMax = 1000
const stackLinesMax = 40

/** Makes the row of a line. */
export function liveLine({ n, record }: NumberedLine): LiveLine {
  const { timeMs, level, logger, message, fields } = record
  const { errorType, errorMessage, stackTrace: _, ...others } = fields
  const texts = Object.entries(others)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key}=${shown(value)}`)
  // A line of a screen is short: what failed comes first.
  if (typeof errorType === 'string') texts.unshift(`${errorType}: ${shown(errorMessage ?? '')}`)
  return {
    n: n + 1,
    time: timeText(timeMs),
    level,
    logger,
    message: cut(message),
    fields: cut(texts.join(' ')),
  }
}

/** Makes the row of a failure. */
export function liveFailure({ n, record }: NumberedLine): LiveFailure {
  const { timeMs, level, message, fields } = record
  const { errorType, errorMessage, stackTrace, pool, pipeline, job, attempt } = fields
  const stack = Array.isArray(stackTrace) ? stackTrace : []
  return {
    n: n + 1,
    time: timeText(timeMs),
    level,
    message: cut(message),
    type: cut(String(errorType)),
    error: cut(String(errorMessage ?? '')),
    stack: stack.slice(0, stackLinesMax).map((frame) => cut(String(frame))),
    pool: textOrNull(pool),
    pipeline: textOrNull(pipeline),
    job: textOrNull(job),
    attempt: typeof attempt === 'number' ? attempt : null,
  }
}

function shown(value: unknown): string {
  return typeof value === 'string' ? value : jsonText(value)
}

function textOrNull(value: unknown): string | null {
  return typeof value === 'string' ? cut(value) : null
}

function timeText(ms: number): string {
  return new Date(ms).toISOString()
}

/** A copy of its own where it is cut: a slice would keep the whole text in memory. */
function cut(text: string): string {
  if (text.length <= charactersMax) return text
  return `${Buffer.from(text.slice(0, charactersMax)).toString()}…`
}
