/**
 * Log of the server and its workers: takes records, filters by level, has them encoded and written. Nothing is opened or loaded
 * before the first line is written, or a moment later where the log's shape says so.
 */
import { openSync } from 'node:fs'
import { isatty } from 'node:tty'
import type { Clock, Timer } from '../core/clock.js'
import { ErrorCode, messageOf, RelayError } from '../core/errors.js'
import { type ChannelSettings, channelName, type LogEncoding } from './channels.js'
import type { LogRecord } from './encode.js'
import { type LineMaker, lineMaker } from './lines.js'
import { readCall } from './log-call.js'
import { type LogFields, type Logger, LogLevel } from './logger.js'
import { OutputPacer } from './output-pacer.js'
import { type LogShape, plainShape } from './shape.js'
import { targetOf } from './target.js'
import { plainWorkerLine, readWorkerLine, type WorkerLine } from './worker-lines.js'
import { type DroppedLines, endMsMax, type LineSource, LogWriter } from './writer.js'

/** The validated `logs:` section. */
export interface LogSettings {
  readonly level: LogLevel | 'off'
  readonly encoding: 'auto' | LogEncoding
  /** Members of a line of JSON: ours, or RoadRunner's (`level`, `ts`, `logger`, `msg`), whose workers' lines are not merged. */
  readonly keys?: 'own' | 'roadrunner'
  /** By RoadRunner's names. */
  readonly channels?: Readonly<Record<string, ChannelSettings>>
  /** The longest line that stays whole, in bytes. */
  readonly lineBytesMax: number
  /** `stderr`, `stdout`, or a file's path; ignored where the log's shape names a descriptor. Default: `stderr`. */
  readonly output?: string
}

/** Options of the log that are known before the `logs:` section is read. */
export interface LogHostOptions {
  /** NO_COLOR and FORCE_COLOR are read from here. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** Absent: `logs:` decides everything. */
  readonly shape?: LogShape | undefined
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
const loadAfterMs = 100
// Lines before the first is written: more than this many are written at once instead.
const bufferedMax = 1000
// Mode of `logs.output`: a collector of logs is in the group, others need not read them.
const outputMode = 0o640
const stdoutFd = 1
const stderrFd = 2
/** Longest wait for the log between two events. */
const restMsMax = 50

/** A logger's way into the log. */
interface Channel {
  /** Severity of the least level that is written. */
  readonly threshold: number
  readonly encoding: LogEncoding
  /** Lines of workers are messages as they are, not merged. */
  readonly takesPlain: boolean
  makeLines: LineMaker | undefined
}

/** The log of a process; other parts of the server have a `Logger` of it. */
export class LogHost implements Logger {
  /** Shares the event loop between the output of workers, which it holds back when the log is behind. */
  readonly pacer: OutputPacer
  readonly #options: LogHostOptions
  readonly #shape: LogShape
  #settings: LogSettings = { level: 'info', encoding: 'auto', lineBytesMax: 16 * 2 ** 20 }
  readonly #channels = new Map<string, Channel>()
  #isConfigured = false
  #buffer: { readonly record: LogRecord; readonly source: LineSource }[] = []
  /** True once a line has been written under the settings in force. */
  #isOpen = false
  #writer: LogWriter | undefined
  #fd: number
  #timer: Timer | undefined
  /** True when a flush between two events took too long: until all lines are written, no flush waits. */
  #isBehind = false

  constructor(options: LogHostOptions) {
    this.#options = options
    this.#shape = options.shape ?? plainShape
    this.#fd = this.#shape.descriptor ?? stderrFd
    this.pacer = new OutputPacer(options.clock)
  }

  /** Takes the `logs:` section; lines that came earlier are written under it, too. Throws RR_LOG_OUTPUT. */
  configure(settings: LogSettings): void {
    const { descriptor, isLoadedLate } = this.#shape
    const output = settings.output ?? 'stderr'
    if (descriptor === undefined && output !== (this.#settings.output ?? 'stderr')) this.#openOutput(output)
    this.#settings = settings
    this.#isConfigured = true
    this.#channels.clear()
    this.#isOpen = false
    if (!isLoadedLate) this.#drain()
  }

  /** The longest line of a worker that stays whole, in bytes. */
  get lineBytesMax(): number {
    return this.#settings.lineBytesMax
  }

  /** The encoding in use; `auto` is decided by the terminal. */
  get encoding(): LogEncoding {
    const { encoding } = this.#settings
    if (this.#shape.isAlwaysJson) return 'json'
    if (encoding !== 'auto') return encoding
    return this.#isTerminal && this.#shape.descriptor === undefined ? 'console' : 'json'
  }

  get #isTerminal(): boolean {
    return this.#fd === stderrFd ? this.#options.isTerminal : isatty(this.#fd)
  }

  debug(fields: LogFields, message: string): void {
    this.#log('server', 'debug', fields, message)
  }
  info(fields: LogFields, message: string): void {
    this.#log('server', 'info', fields, message)
  }
  warn(fields: LogFields, message: string): void {
    this.#log('server', 'warn', fields, message)
  }
  error(fields: LogFields, message: string): void {
    this.#log('server', 'error', fields, message)
  }

  writeError(fields: LogFields, message: string, limitMs: number): Promise<boolean> {
    return this.#writeError('server', readCall(fields, message), limitMs)
  }

  named(logger: string): Logger {
    const add = (level: LogLevel) => (fields: LogFields, message: string) =>
      this.#log(logger, level, fields, message)
    return {
      debug: add('debug'),
      info: add('info'),
      warn: add('warn'),
      error: add('error'),
      writeError: (fields, message, limitMs) => this.#writeError(logger, readCall(fields, message), limitMs),
      named: (other) => this.named(other),
      isEnabled: (level) => severity[level] >= this.#channel(logger).threshold,
    }
  }

  isEnabled(level: LogLevel): boolean {
    return severity[level] >= this.#severityOf(this.#settings.level)
  }

  /** Logs a line that a worker wrote. */
  workerLine(line: WorkerLine): void {
    const logger = line.process === undefined ? 'worker' : 'process'
    const { threshold, takesPlain } = this.#channel(logger)
    if (threshold > severity.error) return
    if (takesPlain) {
      const name = this.#settings.keys === 'roadrunner' ? channelName(logger) : logger
      this.#record(
        { logger, ...(name === logger ? {} : { shownLogger: name }), ...plainWorkerLine(line) },
        'worker',
      )
      return
    }
    // Most lines are plain ones, which are at info: where those are not wanted, only a line that names a level is looked at.
    if (threshold > severity.info && !namesLevel(line.text)) return
    this.#record({ logger, ...readWorkerLine(line) }, 'worker')
  }

  /** Writes text for people among the lines of the log. */
  print(text: string): void {
    this.#drain()
    this.#writerNow().write(`${text}\n`, 'server')
  }

  /** True when every line so far has been written. */
  get isWritten(): boolean {
    return this.#buffer.length === 0 && (this.#writer === undefined || this.#writer.isEmpty)
  }

  /** Called between two events: resolves when the lines so far have been written, or after 50 ms. Never rejects. */
  async flush(): Promise<void> {
    this.#drain()
    const writer = this.#writer
    if (writer === undefined || writer.isEmpty) return
    const isWritten = await writer.flush(this.#isBehind ? 0 : restMsMax)
    this.#isBehind = !isWritten
  }

  /** The last flush, at the end of the process: waits for the log no longer than `limitMs`. Never rejects. */
  async end(limitMs = endMsMax): Promise<void> {
    this.#drain()
    this.#writer?.tellDropped()
    await this.#writer?.flush(limitMs)
  }

  #log(logger: string, level: LogLevel, first: unknown, second: unknown): void {
    if (severity[level] < this.#channel(logger).threshold) return
    this.#record({ logger, level, ...readCall(first, second) }, 'server')
  }

  async #writeError(logger: string, call: ReturnType<typeof readCall>, limitMs: number): Promise<boolean> {
    if (!this.isEnabled('error')) return false
    // Also what waits for the first line: it comes before this one.
    this.#drain()
    const record = { timeMs: this.#options.clock.nowMs(), logger, level: LogLevel.error, ...call }
    return this.#write(record, 'server') && this.#writerNow().whenWritten(limitMs)
  }

  /** Takes a record of any logger. */
  #record(what: Omit<LogRecord, 'timeMs'>, source: LineSource): void {
    if (severity[what.level] < this.#channel(what.logger).threshold) return
    const record = { timeMs: this.#options.clock.nowMs(), ...what }
    if (this.#isOpen) {
      this.#write(record, source)
      return
    }
    this.#buffer.push({ record, source })
    // An error may be the only copy of a record that was given up, and a kill may follow it.
    if (this.#buffer.length >= bufferedMax || (what.level === 'error' && this.#isConfigured)) this.#drain()
    else this.#timer ??= this.#options.clock.timer(loadAfterMs, () => this.#drain(), { unref: true })
  }

  #severityOf(level: LogLevel | 'off'): number {
    const { levelMin } = this.#shape
    return Math.max(severity[level], levelMin === undefined ? 0 : severity[levelMin])
  }

  #drain(): void {
    this.#timer?.clear()
    this.#timer = undefined
    if (this.#buffer.length === 0) return
    const lines = this.#buffer
    this.#buffer = []
    for (const { record, source } of lines)
      if (severity[record.level] >= this.#channel(record.logger).threshold) this.#write(record, source)
  }

  /** Returns false when it, or a part of it, was dropped. */
  #write(record: LogRecord, source: LineSource): boolean {
    this.#isOpen = true
    const channel = this.#channel(record.logger)
    channel.makeLines ??= this.#openLines(channel.encoding)
    const writer = this.#writerNow()
    let isKept = true
    for (const line of channel.makeLines(record)) isKept = writer.write(line, source) && isKept
    if (record.level === 'error') writer.writeNow()
    return isKept
  }

  #channel(logger: string): Channel {
    const known = this.#channels.get(logger)
    if (known !== undefined) return known
    const { level, keys, channels = {} } = this.#settings
    const name = channelName(logger)
    const own = Object.hasOwn(channels, name) ? channels[name] : undefined
    const encoding = this.#shape.isAlwaysJson ? 'json' : (own?.encoding ?? this.encoding)
    const made = {
      threshold: this.#severityOf(own?.level ?? level),
      encoding,
      takesPlain: encoding === 'raw' || (keys === 'roadrunner' && encoding === 'json'),
      makeLines: undefined,
    }
    this.#channels.set(logger, made)
    return made
  }

  #openLines(encoding: LogEncoding): LineMaker {
    const { env } = this.#options
    const hasColor = env.NO_COLOR === undefined && (this.#isTerminal || env.FORCE_COLOR !== undefined)
    const { keys = 'own' } = this.#settings
    return lineMaker({ encoding, hasColor, keys, shape: this.#shape })
  }

  #openOutput(output: string): void {
    this.#fd = output === 'stderr' ? stderrFd : output === 'stdout' ? stdoutFd : openFile(output)
    this.#writer = undefined
  }

  #writerNow(): LogWriter {
    const { clock } = this.#options
    this.#writer ??= new LogWriter({
      target: targetOf(this.#fd),
      clock,
      onHold: (isHeld) => this.pacer.hold(isHeld),
      onRecovered: (dropped) => this.#tellDropped(dropped),
    })
    return this.#writer
  }

  #tellDropped(dropped: DroppedLines): void {
    this.#log('log', 'warn', dropped, 'lines were dropped because the log could not be written')
  }
}

/** Tells whether a line may be at another level than info. */
function namesLevel(text: string): boolean {
  return /level|severity|\\u/.test(text)
}

function openFile(path: string): number {
  try {
    return openSync(path, 'a', outputMode)
  } catch (error) {
    throw new RelayError(ErrorCode.LogOutput, `the log cannot be written to ${path}: ${messageOf(error)}`, {
      hint: '`logs.output` takes stderr, stdout, or the path of a file that may be written.',
      cause: error,
    })
  }
}
