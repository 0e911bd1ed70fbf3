/**
 * The one log of the server and its workers: takes records, filters by level, encodes, writes. The home of pino, which is
 * loaded when the first line is written and, in Lambda, not before the first event has been asked for.
 */
import { createRequire } from 'node:module'
import type { DestinationStream, Logger as Pino, pino } from 'pino'
import type { Clock, Timer } from './clock.js'
import type { LogFields, Logger, LogLevel } from './log.js'
import { consoleLine, type LogRecord, safeJson, valuesOf } from './log-encode.js'
import { partsOf } from './log-parts.js'
import { telemetryFd, telemetryFrame, writeAll } from './log-telemetry.js'
import { levelOf, readWorkerLine, type WorkerLine } from './worker-lines.js'

/** The validated `logs:` section. */
export interface LogSettings {
  readonly level: LogLevel | 'off'
  readonly encoding: 'auto' | 'console' | 'json'
  /** The longest line that stays whole, in bytes. */
  readonly lineBytesMax: number
}

/** Where the log is and what it looks like before `logs:` is known. */
export interface LogHostOptions {
  /** AWS_LAMBDA_LOG_FORMAT and _LEVEL are read from here when `isLambda`; NO_COLOR and FORCE_COLOR always. */
  readonly env: Readonly<Record<string, string | undefined>>
  readonly isLambda: boolean
  /** Standard error is a terminal. */
  readonly isTerminal: boolean
  readonly clock: Clock
}

const severity: Readonly<Record<LogLevel | 'off', number>> = {
  debug: 20,
  info: 30,
  warn: 40,
  error: 50,
  off: 100,
}
const lambdaLoadAfterMs = 100
// Lines before the first is written: more than this many are written at once instead.
const bufferedMax = 1000

/** The log's owner: everything else has a `Logger`. */
export class LogHost implements Logger {
  readonly #options: LogHostOptions
  #settings: LogSettings = { level: 'info', encoding: 'auto', lineBytesMax: 16 * 2 ** 20 }
  #threshold: number
  #isConfigured = false
  #buffer: LogRecord[] = []
  #write: ((record: LogRecord) => void) | undefined
  #destination: (DestinationStream & { flushSync?(): void }) | undefined
  #timer: Timer | undefined
  #partCount = 0
  /** The record that is being written. */
  #current: LogRecord | undefined

  constructor(options: LogHostOptions) {
    this.#options = options
    this.#threshold = this.#severityOf('info')
  }

  /** Takes the `logs:` section; lines that came earlier are written under it, too. */
  configure(settings: LogSettings): void {
    this.#settings = settings
    this.#isConfigured = true
    this.#threshold = this.#severityOf(settings.level)
    this.#write = undefined
    if (!this.#options.isLambda) this.#drain()
  }

  /** The longest line of a worker that stays whole, in bytes. */
  get lineBytesMax(): number {
    return this.#settings.lineBytesMax
  }

  /** What `encoding: auto` came to. */
  get encoding(): 'console' | 'json' {
    const { encoding } = this.#settings
    // Managed Instances take JSON alone: with several events at once a line is nobody's without its request id.
    if (this.#isManaged) return 'json'
    if (encoding !== 'auto') return encoding
    return this.#options.isTerminal && !this.#options.isLambda ? 'console' : 'json'
  }

  get #isManaged(): boolean {
    const { env, isLambda } = this.#options
    return isLambda && env.AWS_LAMBDA_INITIALIZATION_TYPE === 'lambda-managed-instances'
  }

  /** AWS's names and levels. */
  get #isAws(): boolean {
    const { env, isLambda } = this.#options
    return isLambda && (this.#isManaged || env.AWS_LAMBDA_LOG_FORMAT?.toUpperCase() === 'JSON')
  }

  debug(fields: LogFields, message: string): void {
    this.record('server', 'debug', fields, message)
  }
  info(fields: LogFields, message: string): void {
    this.record('server', 'info', fields, message)
  }
  warn(fields: LogFields, message: string): void {
    this.record('server', 'warn', fields, message)
  }
  error(fields: LogFields, message: string): void {
    this.record('server', 'error', fields, message)
  }

  named(logger: string): Logger {
    const add = (level: LogLevel) => (fields: LogFields, message: string) =>
      this.record(logger, level, fields, message)
    return {
      debug: add('debug'),
      info: add('info'),
      warn: add('warn'),
      error: add('error'),
      named: (other) => this.named(other),
      isEnabled: (level) => this.isEnabled(level),
    }
  }

  isEnabled(level: LogLevel): boolean {
    return severity[level] >= this.#threshold
  }

  /** A line that a worker wrote. */
  workerLine(line: WorkerLine): void {
    if (this.#threshold > severity.error) return
    const { level, message, fields } = readWorkerLine(line)
    this.record('worker', level, fields, message)
  }

  /** Any line: the loggers end here. */
  record(logger: string, level: LogLevel, fields: LogFields, message: string): void {
    if (severity[level] < this.#threshold) return
    const record = { timeMs: this.#options.clock.nowMs(), level, logger, message, fields }
    if (this.#write !== undefined) {
      this.#write(record)
      return
    }
    this.#buffer.push(record)
    // An error may be the only copy of a record that was given up, and a kill may follow it.
    if (this.#buffer.length >= bufferedMax || (level === 'error' && this.#isConfigured)) this.#drain()
    else this.#timer ??= this.#options.clock.timer(lambdaLoadAfterMs, () => this.#drain(), { unref: true })
  }

  /** Writes what is held back, now and before it returns: for the end of the process. */
  flush(): void {
    if (this.#buffer.length > 0) this.#drain()
    this.#destination?.flushSync?.()
  }

  #severityOf(level: LogLevel | 'off'): number {
    const { env, isLambda } = this.#options
    const aws = isLambda ? levelOf(env.AWS_LAMBDA_LOG_LEVEL) : undefined
    return Math.max(severity[level], aws === undefined ? 0 : severity[aws])
  }

  #drain(): void {
    this.#timer?.clear()
    this.#timer = undefined
    this.#write ??= this.#open()
    const records = this.#buffer
    this.#buffer = []
    for (const record of records) if (severity[record.level] >= this.#threshold) this.#write(record)
  }

  #open(): (record: LogRecord) => void {
    // Synchronous on purpose: the last words of a dying process must not wait for a module to load.
    const load: typeof pino = createRequire(import.meta.url)('pino')
    const { env, isLambda, isTerminal } = this.#options
    const fd = isLambda ? telemetryFd(env) : undefined
    this.#destination ??=
      fd === undefined ? load.destination({ fd: isLambda ? 1 : 2, sync: true }) : this.#framed(fd)
    const { write } = bound(this.#destination)
    if (this.encoding === 'console') {
      const hasColor = env.NO_COLOR === undefined && (isTerminal || env.FORCE_COLOR !== undefined)
      return (record) => {
        this.#current = record
        for (const one of isLambda ? this.#linesInParts(record) : [record])
          write(`${consoleLine(one, hasColor)}\n`)
      }
    }
    const isAws = this.#isAws
    const log = load(
      {
        level: 'debug',
        base: null,
        timestamp: false,
        messageKey: 'message',
        formatters: { level: (label) => ({ level: isAws ? label.toUpperCase() : label }) },
      },
      this.#destination,
    )
    if (!isLambda) return (record) => writeJson(log, record, isAws)
    return (record) => {
      this.#current = record
      this.#writeInParts(log, record, isAws)
    }
  }

  /** Lambda's own descriptor: a frame a line. */
  #framed(fd: number): DestinationStream {
    return {
      write: (line) => {
        const { level = 'info', timeMs = this.#options.clock.nowMs() } = this.#current ?? {}
        const isJson = this.#isAws && this.encoding === 'json'
        writeAll(fd, telemetryFrame({ text: line.trimEnd(), level, timeMs, isJson }))
      },
    }
  }

  #writeInParts(log: Pino, record: LogRecord, isAws: boolean): void {
    const parts = partsOf(record, `log-${this.#partCount + 1}`, (one) =>
      safeJson({ ...valuesOf(one, isAws), level: one.level, message: one.message }),
    )
    if (parts.length > 1) this.#partCount += 1
    for (const part of parts) writeJson(log, part, isAws)
  }

  #linesInParts(record: LogRecord): readonly LogRecord[] {
    const parts = partsOf(record, `log-${this.#partCount + 1}`, (one) => consoleLine(one, false))
    if (parts.length > 1) this.#partCount += 1
    return parts
  }
}

function bound(stream: DestinationStream): { write: (text: string) => void } {
  return { write: (text) => void stream.write(text) }
}

function writeJson(log: Pino, record: LogRecord, isAws: boolean): void {
  log[record.level](valuesOf(record, isAws), record.message)
}
