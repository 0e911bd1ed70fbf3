/** The log of a server under test: keeps its lines as data, and lets a test wait for one. */
import type { Clock } from '../src/core/clock.js'
import { readCall } from '../src/logging/log-call.js'
import type { LogFields, Logger, LogLevel } from '../src/logging/logger.js'
import { OutputPacer } from '../src/logging/output-pacer.js'
import { RecentLines } from '../src/logging/recent-lines.js'
import { RawJson } from '../src/logging/values.js'
import { readWorkerLine, type WorkerLine } from '../src/logging/worker-lines.js'
import type { LogService } from '../src/supervisor/services.js'

/** A line of the log; its fields as they were logged, those of a worker's JSON line as values. */
export interface LogLine {
  readonly level: LogLevel
  /** The plugin's name, a part of the server, or `worker`. */
  readonly logger: string
  readonly message: string
  readonly fields: LogFields
}

const lineBytesMax = 16 * 2 ** 20

/** Keeps the lines of all levels. */
export class MemoryLog implements LogService {
  readonly lines: LogLine[] = []
  readonly pacer: OutputPacer
  readonly lineBytesMax = lineBytesMax
  readonly isWritten = true
  readonly recent: RecentLines
  readonly #waiting = new Set<() => void>()
  readonly #name: string
  readonly #clock: Clock

  constructor(clock: Clock, name = 'server') {
    this.pacer = new OutputPacer(clock)
    this.recent = new RecentLines(clock)
    this.#name = name
    this.#clock = clock
  }

  configure(): void {
    // All levels are kept, whatever `logs:` says.
  }

  async flush(): Promise<void> {
    // Nothing is written anywhere.
  }

  workerLine(line: WorkerLine): void {
    const { level, message, fields } = readWorkerLine(line)
    const logger = line.process === undefined ? 'worker' : 'process'
    this.#keep({ level, logger, message, fields: plain(fields) })
  }

  debug(fields: LogFields, message: string): void {
    this.#add(this.#name, 'debug', fields, message)
  }
  info(fields: LogFields, message: string): void {
    this.#add(this.#name, 'info', fields, message)
  }
  warn(fields: LogFields, message: string): void {
    this.#add(this.#name, 'warn', fields, message)
  }
  error(fields: LogFields, message: string): void {
    this.#add(this.#name, 'error', fields, message)
  }
  async writeError(fields: LogFields, message: string): Promise<boolean> {
    this.error(fields, message)
    return true
  }
  isEnabled(): boolean {
    return true
  }

  named(name: string): Logger {
    const add = (level: LogLevel) => (fields: LogFields, message: string) =>
      this.#add(name, level, fields, message)
    const error = add('error')
    return {
      debug: add('debug'),
      info: add('info'),
      warn: add('warn'),
      error,
      writeError: async (fields, message) => {
        error(fields, message)
        return true
      },
      named: (other) => this.named(other),
      isEnabled: () => true,
    }
  }

  /** Resolves with the first line, past or to come, that `isWanted`. Rejects when `signal` aborts. */
  find(isWanted: (line: LogLine) => boolean, signal: AbortSignal): Promise<LogLine> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const line = this.lines.find(isWanted)
        if (line === undefined && !signal.aborted) return
        this.#waiting.delete(look)
        signal.removeEventListener('abort', look)
        if (line === undefined) reject(signal.reason)
        else resolve(line)
      }
      this.#waiting.add(look)
      signal.addEventListener('abort', look)
      look()
    })
  }

  #add(logger: string, level: LogLevel, first: unknown, second: unknown): void {
    this.#keep({ logger, level, ...readCall(first, second) })
  }

  #keep(line: LogLine): void {
    this.lines.push(line)
    this.recent.add({ timeMs: this.#clock.nowMs(), ...line }, line.message.length)
    for (const look of [...this.#waiting]) look()
  }
}

function plain(fields: LogFields): LogFields {
  const entries = Object.entries(fields)
  return Object.fromEntries(
    entries.map(([key, value]) => [key, value instanceof RawJson ? JSON.parse(value.text) : value]),
  )
}
