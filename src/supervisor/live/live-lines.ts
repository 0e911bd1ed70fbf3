/**
 * The last lines of the log and the last failures among them, kept while a client asks for them. A second costs no more than a fixed number
 * of lines, however many are logged; further lines of that second are left out.
 */
import type { Undo } from '../../core/abort.js'
import type { Clock } from '../../core/clock.js'
import type { LogRecord } from '../../logging/encode.js'
import { jsonText } from '../../logging/values.js'
import type { LiveFailure, LiveLine } from './document.js'

/** A log whose lines can be read along. */
export interface TappedLog {
  /** Calls `listener` with each line that is logged from now on; the returned function ends it. */
  tap(listener: (record: LogRecord) => void): Undo
}

/** Lines that are kept, and failures beside them. */
const linesMax = 200
const failuresMax = 100
/** Lines of one second that are kept. */
const perSecondMax = 100
const charactersMax = 1000
const stackLinesMax = 40

/** Keeps the last lines. */
export class LiveLines {
  readonly #log: TappedLog
  readonly #clock: Clock
  readonly #lines: LiveLine[] = []
  readonly #failures: LiveFailure[] = []
  readonly #budget = { second: 0, lines: 0, failures: 0 }
  #number = 0
  #holders = 0
  #untap: Undo | undefined

  constructor(log: TappedLog, clock: Clock) {
    this.#log = log
    this.#clock = clock
  }

  /** Keeps lines from now on; the returned function ends that. What is kept is forgotten with the last holder. */
  hold(): Undo {
    this.#holders += 1
    this.#untap ??= this.#log.tap((record) => this.#add(record))
    let isHeld = true
    return () => {
      if (!isHeld) return
      isHeld = false
      this.#holders -= 1
      if (this.#holders > 0) return
      this.#untap?.()
      this.#untap = undefined
      this.#lines.length = 0
      this.#failures.length = 0
    }
  }

  /** The lines after number `n`, oldest first. */
  lines(n: number): readonly LiveLine[] {
    return this.#lines.filter((line) => line.n > n)
  }

  /** The failures after number `n`, oldest first. */
  failures(n: number): readonly LiveFailure[] {
    return this.#failures.filter((failure) => failure.n > n)
  }

  #add(record: LogRecord): void {
    const second = Math.floor(this.#clock.monotonicMs() / 1000)
    const budget = this.#budget
    if (budget.second !== second) Object.assign(budget, { second, lines: 0, failures: 0 })
    const isFailure = typeof record.fields.errorType === 'string'
    this.#number += 1
    if (isFailure && budget.failures < perSecondMax) {
      budget.failures += 1
      keep(this.#failures, failureOf(this.#number, record), failuresMax)
    }
    if (budget.lines >= perSecondMax) return
    budget.lines += 1
    keep(this.#lines, lineOf(this.#number, record), linesMax)
  }
}

function keep<T>(all: T[], one: T, max: number): void {
  if (all.push(one) > max) all.shift()
}

function lineOf(n: number, { timeMs, level, logger, message, fields }: LogRecord): LiveLine {
  const { errorType, errorMessage, stackTrace: _, ...others } = fields
  const texts = Object.entries(others)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key}=${shown(value)}`)
  // A line of a screen is short: what failed comes first.
  if (typeof errorType === 'string') texts.unshift(`${errorType}: ${shown(errorMessage ?? '')}`)
  return { n, time: timeText(timeMs), level, logger, message: cut(message), fields: cut(texts.join(' ')) }
}

function failureOf(n: number, { timeMs, level, message, fields }: LogRecord): LiveFailure {
  const { errorType, errorMessage, stackTrace, pool, pipeline, job, attempt } = fields
  const stack = Array.isArray(stackTrace) ? stackTrace : []
  return {
    n,
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
