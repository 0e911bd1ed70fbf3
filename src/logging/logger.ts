/** The port of the log, which every part of the server is handed. `sink.ts` decides which lines are written, and where. */

/** Levels as the file and the log line spell them. */
export const LogLevel = { debug: 'debug', info: 'info', warn: 'warn', error: 'error' } as const
export type LogLevel = (typeof LogLevel)[keyof typeof LogLevel]

/** Values beside the sentence of a line. Never payloads, tokens or environment. */
export type LogFields = Readonly<Record<string, unknown>>

/** Writes lines: fields first, then a short constant sentence in lower case. */
export interface Logger {
  debug(fields: LogFields, message: string): void
  info(fields: LogFields, message: string): void
  warn(fields: LogFields, message: string): void
  error(fields: LogFields, message: string): void
  /**
   * Like `error`, for a line that is relied on: resolves with true once its bytes were written, with false when it is not written
   * at this level, was dropped, or was not written within `limitMs` (it may still be later). Never rejects.
   */
  writeError(fields: LogFields, message: string, limitMs: number): Promise<boolean>
  /** The same log under another `logger` name. */
  named(logger: string): Logger
  /** True when lines of `level` are written: asked before costly fields are made. */
  isEnabled(level: LogLevel): boolean
}

/** A logger that drops every line. */
export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  writeError: () => Promise.resolve(false),
  named: () => silentLogger,
  isEnabled: () => false,
}
