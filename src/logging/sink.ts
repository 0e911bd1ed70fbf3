/**
 * Log of the server and its workers: takes records, filters by level, has them encoded and written. Nothing is opened or loaded
 * before the first line is written, or a moment later where the log's shape says so.
 */
import { isatty } from 'node:tty'
import type { Clock, Timer } from '../core/clock.js'
import { messageOf } from '../core/errors.js'
import { type ChannelSettings, channelName, type LogEncoding } from './channels.js'
import type { LogRecord } from './encode.js'
import { gelfText } from './gelf.js'
import { type LineMaker, lineMaker } from './lines.js'
import { readCall } from './log-call.js'
import { type LogFields, type Logger, LogLevel } from './logger.js'
import { OutputPacer } from './output-pacer.js'
import { type LogOutput, LogOutputs, type OutputSettings } from './outputs/outputs.js'
import type { ShipAddress } from './outputs/remote.js'
import { type DroppedLines, endMsMax, type LineSource } from './outputs/writer.js'
import { RecentLines } from './recent-lines.js'
import { type LogShape, plainShape } from './shape.js'
import { namesLevel, plainWorkerLine, readWorkerLine, type WorkerLine } from './worker-lines.js'

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
  /** Ignored where the log's shape names a descriptor. Default: `stderr`. */
  readonly output?: OutputSettings
  /** Servers that all lines are sent to as well, as lines of JSON or as GELF. */
  readonly ship?: readonly { readonly address: ShipAddress; readonly format: 'json' | 'gelf' }[]
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
  /** A place of its own; undefined: the log's. */
  readonly output: LogOutput | undefined
  makeLines: LineMaker | undefined
}

/** A server that lines are sent to. */
interface Shipment {
  readonly output: LogOutput
  readonly makeLines: LineMaker
}

/** The log of a process; other parts of the server have a `Logger` of it. */
export class LogHost implements Logger {
  /** Shares the event loop between the output of workers, which it holds back when the log is behind. */
  readonly pacer: OutputPacer
  /** The last lines, for those who look at them from outside. */
  readonly recent: RecentLines
  readonly #options: LogHostOptions
  readonly #shape: LogShape
  #settings: LogSettings = { level: 'info', encoding: 'auto', lineBytesMax: 16 * 2 ** 20 }
  readonly #channels = new Map<string, Channel>()
  #isConfigured = false
  #buffer: { readonly record: LogRecord; readonly source: LineSource }[] = []
  /** True once a line has been written under the settings in force. */
  #isOpen = false
  readonly #outputs: LogOutputs
  /** The log's own place. */
  #output: LogOutput | undefined
  #fd: number | undefined
  #shipments: readonly Shipment[] = []
  #timer: Timer | undefined
  /** True when a flush between two events took too long: until all lines are written, no flush waits. */
  #isBehind = false

  constructor(options: LogHostOptions) {
    this.#options = options
    this.#shape = options.shape ?? plainShape
    this.#fd = this.#shape.descriptor ?? stderrFd
    this.pacer = new OutputPacer(options.clock)
    this.#outputs = new LogOutputs({
      clock: options.clock,
      onHold: (isHeld) => this.pacer.hold(isHeld),
      onRecovered: (dropped, place) => this.#tellDropped(dropped, place),
      onFault: (what, path, error) => this.#log('log', 'warn', { path, why: messageOf(error) }, what),
    })
    this.recent = new RecentLines(options.clock)
  }

  /** Takes the `logs:` section; lines that came earlier are written under it, too. Throws RR_LOG_OUTPUT. */
  configure(settings: LogSettings): void {
    const { descriptor, isLoadedLate } = this.#shape
    const { output = { path: 'stderr' }, channels = {}, ship = [] } = settings
    if (descriptor === undefined && output.path !== (this.#settings.output?.path ?? 'stderr')) {
      this.#output = this.#outputs.of(output)
      this.#fd = this.#output.fd
    }
    // A file that cannot be opened is a fault of the start, not of the first line.
    if (descriptor === undefined)
      for (const channel of Object.values(channels))
        if (channel.output !== undefined) this.#outputs.of(channel.output)
    this.#shipments = ship.map(({ address, format }) => ({
      output: this.#outputs.ofServer(address),
      makeLines:
        format === 'gelf'
          ? (record) => [gelfText(record)]
          : lineMaker({ encoding: 'json', hasColor: false, keys: settings.keys ?? 'own', shape: plainShape }),
    }))
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
    if (this.#fd === undefined) return false
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
    this.#ownOutput().writer.write(`${text}\n`, 'server')
  }

  /** True when every line so far has been written. */
  get isWritten(): boolean {
    return this.#buffer.length === 0 && this.#outputs.isEmpty
  }

  /** Called between two events: resolves when the lines so far have been written, or after 50 ms. Never rejects. */
  async flush(): Promise<void> {
    this.#drain()
    if (this.#outputs.isEmpty) return
    const isWritten = await this.#outputs.flush(this.#isBehind ? 0 : restMsMax, false)
    this.#isBehind = !isWritten
  }

  /** The last flush, at the end of the process: waits for the log no longer than `limitMs`. Never rejects. */
  async end(limitMs = endMsMax): Promise<void> {
    this.#drain()
    this.#outputs.tellDropped()
    await this.#outputs.flush(limitMs, true)
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
    const { output = this.#ownOutput() } = this.#channel(logger)
    return this.#write(record, 'server') && output.writer.whenWritten(limitMs)
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
    const { writer } = channel.output ?? this.#ownOutput()
    let [isKept, length] = [true, 0]
    for (const line of channel.makeLines(record)) {
      isKept = writer.write(line, source) && isKept
      length += line.length
    }
    this.recent.add(record, length)
    if (record.level === 'error') writer.writeNow()
    for (const { output, makeLines } of this.#shipments)
      for (const line of makeLines(record)) output.writer.write(line, source)
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
      output:
        own?.output === undefined || this.#shape.descriptor !== undefined
          ? undefined
          : this.#outputs.of(own.output),
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

  #ownOutput(): LogOutput {
    this.#output ??= this.#outputs.ofDescriptor(this.#fd ?? stderrFd)
    return this.#output
  }

  #tellDropped(dropped: DroppedLines, place: string | undefined): void {
    const fields = place === undefined ? dropped : { ...dropped, place }
    this.#log('log', 'warn', fields, 'lines were dropped because the log could not be written')
  }
}
