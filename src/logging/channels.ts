/**
 * Channels of the log, as RoadRunner has them: what is logged under one name may have a level and an encoding of its own. Data and pure
 * functions; `sink.ts` writes.
 */
import type { LogLevel } from './logger.js'
import type { OutputSettings } from './outputs/outputs.js'

/** Encoding of lines: for people, as JSON, or the bare message. */
export type LogEncoding = 'console' | 'json' | 'raw'

/** Settings of one channel; what is absent is the log's. */
export interface ChannelSettings {
  readonly level?: LogLevel | 'off' | undefined
  readonly encoding?: LogEncoding | undefined
  /** A place of its own. */
  readonly output?: OutputSettings | undefined
}

/** RoadRunner's names of loggers that are called otherwise here. Its `server` is the output of workers. */
const channelNames: Readonly<Record<string, string>> = { worker: 'server', process: 'service', server: 'rr' }

/** Returns the channel of a logger: the plugin's name, or RoadRunner's name of a part of the server. */
export function channelName(logger: string): string {
  return channelNames[logger] ?? logger
}

/** Keys of `logs`, or of one of its channels, that decide the same thing. */
export interface ModeKeys {
  readonly mode: 'development' | 'production' | 'raw' | 'off' | 'none' | undefined
  readonly level: LogLevel | 'off' | undefined
  readonly encoding: LogEncoding | 'auto' | undefined
}

/** Resolves RoadRunner's `mode`: a default of the encoding, or no log at all. */
export function byMode({ mode, level, encoding }: ModeKeys): ChannelSettings {
  const isOff = mode === 'off' || mode === 'none'
  const own = encoding === 'auto' ? undefined : encoding
  return { level: isOff ? 'off' : level, encoding: own ?? encodingOfMode(mode) }
}

function encodingOfMode(mode: ModeKeys['mode']): LogEncoding | undefined {
  if (mode === 'production') return 'json'
  if (mode === 'development') return 'console'
  return mode === 'raw' ? 'raw' : undefined
}
