/**
 * Keeps the last lines of the log, and the last failures beyond them, for those who look at it from outside (`rr logs`, `rr top`, the
 * dashboard). Bounded in lines and bytes. Nobody who reads holds anything up: a reader says where it was, and what has been overwritten
 * since is counted as missed.
 *
 * Invariant: the lines are numbered without a gap; the first kept one is number `#first`.
 */
import type { Clock } from '../core/clock.js'
import { type LogRecord, plainJson } from './encode.js'
import type { LogLevel } from './logger.js'

const linesMax = 2000
const bytesMax = 2 ** 20
/** Failures that are kept longer than the lines among which they were. */
const failuresMax = 100
const failureBytesMax = 256 * 1024
/** Lines that one call looks at: a filter that nothing matches must not hold the server up. */
const lookedAtMax = 500
const answerBytesMax = 256 * 1024
/** A reader is told of new lines at most this often. */
const tellMs = 50

/** Filter of lines; every member that is there has to match. */
export interface LineFilter {
  readonly pool?: string | undefined
  readonly pid?: number | undefined
  /** A job's name, or the id of its request or its record. */
  readonly job?: string | undefined
  /** The least level. */
  readonly level?: LogLevel | undefined
  /** Text that the line holds, in upper or lower case. */
  readonly grep?: string | undefined
}

/** Lines found by one call. */
export interface FoundLines {
  /** JSON texts, one each. */
  readonly lines: readonly string[]
  /** Number from which the next call goes on. */
  readonly next: number
  /** True when no further line is there yet. */
  readonly isAll: boolean
  /** Number of lines that were overwritten before they were read. */
  readonly missed: number
}

/** A line with its number. */
export interface NumberedLine {
  readonly n: number
  readonly record: LogRecord
}

interface KeptLine extends NumberedLine {
  readonly bytes: number
}

const severity: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 }

/** The last lines of a log. */
export class RecentLines {
  readonly #clock: Clock
  #lines: KeptLine[] = []
  /** Index in `#lines` of the first kept one; those before it are cut off now and then. */
  #from = 0
  #first = 0
  #bytes = 0
  readonly #failures: KeptLine[] = []
  #failureBytes = 0
  readonly #waiting = new Set<() => void>()
  #isTelling = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Takes a record that was written as a line of so many bytes. */
  add(record: LogRecord, bytes: number): void {
    const line = { n: this.#end, record, bytes }
    this.#lines.push(line)
    this.#bytes += bytes
    if (typeof record.fields.errorType === 'string') this.#addFailure(line)
    while (this.#count > linesMax || (this.#bytes > bytesMax && this.#count > 1)) {
      this.#bytes -= this.#lines[this.#from]?.bytes ?? 0
      this.#from += 1
      this.#first += 1
    }
    // Cutting off costs as much as there is left, so it is done for many at once.
    if (this.#from > linesMax) {
      this.#lines = this.#lines.slice(this.#from)
      this.#from = 0
    }
    if (this.#waiting.size > 0 && !this.#isTelling) {
      this.#isTelling = true
      this.#clock.timer(tellMs, () => this.#tell(), { unref: true })
    }
  }

  /** Finds lines from number `from` on. Looks at a bounded number, so there may be more where none was found. */
  find(from: number, filter: LineFilter): FoundLines {
    const missed = Math.max(0, Math.min(this.#first, this.#end) - from)
    const lines: string[] = []
    let [next, bytes] = [Math.min(Math.max(from, this.#first), this.#end), 0]
    const stop = Math.min(this.#end, next + lookedAtMax)
    for (; next < stop && bytes < answerBytesMax; next += 1) {
      const record = this.#lines[this.#from + next - this.#first]?.record
      const text = record && matchedText(record, filter)
      if (text === undefined) continue
      lines.push(text)
      bytes += text.length
    }
    return { lines, next, isAll: next === this.#end, missed }
  }

  /** Returns the last lines, `max` at most, whose numbers are `from` or later. */
  last(max: number, from: number): readonly NumberedLine[] {
    const at = this.#from + Math.max(0, this.#count - max, from - this.#first)
    return this.#lines.slice(at)
  }

  /** Returns the last failures, which are lines with an `errorType`, whose numbers are `from` or later. */
  failures(from: number): readonly NumberedLine[] {
    return this.#failures.filter(({ n }) => n >= from)
  }

  /** Resolves when there is a line of number `from` or later, at the latest after `limitMs`. */
  async whenMore(from: number, limitMs: number): Promise<void> {
    if (from < this.#end) return
    await new Promise<void>((resolve) => {
      const end = () => {
        timer.clear()
        this.#waiting.delete(end)
        resolve()
      }
      const timer = this.#clock.timer(limitMs, end, { unref: true })
      this.#waiting.add(end)
    })
  }

  get #count(): number {
    return this.#lines.length - this.#from
  }

  get #end(): number {
    return this.#first + this.#count
  }

  #addFailure(line: KeptLine): void {
    this.#failures.push(line)
    this.#failureBytes += line.bytes
    while (
      this.#failures.length > failuresMax ||
      (this.#failureBytes > failureBytesMax && this.#failures.length > 1)
    )
      this.#failureBytes -= this.#failures.shift()?.bytes ?? 0
  }

  #tell(): void {
    this.#isTelling = false
    for (const end of this.#waiting) end()
  }
}

/** The line as JSON when it matches. */
function matchedText(record: LogRecord, filter: LineFilter): string | undefined {
  const { fields, level } = record
  const { pool, pid, job, grep } = filter
  if (filter.level !== undefined && severity[level] < severity[filter.level]) return undefined
  if (pool !== undefined && fields.pool !== pool) return undefined
  if (pid !== undefined && fields.pid !== pid) return undefined
  if (job !== undefined && !isOfJob(fields, job)) return undefined
  const text = plainJson(record)
  return grep === undefined || text.toLowerCase().includes(grep.toLowerCase()) ? text : undefined
}

/** A record's job is called `REQUEST_ID/MESSAGE_ID`. */
function isOfJob({ job, requestId }: LogRecord['fields'], wanted: string): boolean {
  if (requestId === wanted) return true
  return (
    typeof job === 'string' && (job === wanted || job.startsWith(`${wanted}/`) || job.endsWith(`/${wanted}`))
  )
}
