/**
 * The shape of a log: where its lines go and what they look like, as far as the platform decides it and not the `logs:`
 * section.
 */
import type { LogLevel } from './logger.js'

/** A line on its way into a frame. */
export interface FrameContent {
  /** Without its line end. */
  readonly text: string
  readonly level: LogLevel
  readonly timeMs: number
  readonly isJson: boolean
}

/** Properties of the log that the platform decides. */
export interface LogShape {
  /** Descriptor that all lines go to; undefined: `logs.output` decides. */
  readonly descriptor: number | undefined
  /** True: lines are JSON, whatever `logs.encoding` says. */
  readonly isAlwaysJson: boolean
  /** Level below which no line is written, whatever `logs.level` says. */
  readonly levelMin: LogLevel | undefined
  /** Name of the time in a line of JSON. */
  readonly timeKey: 'time' | 'timestamp'
  /** True: levels in a line of JSON are in upper case. */
  readonly hasUpperLevels: boolean
  /** Lines that are longer than this many bytes are cut into parts; undefined: lines stay whole. */
  readonly lineBytesMax: number | undefined
  /** Makes a line's bytes for a descriptor that takes frames; undefined: lines end with a newline. */
  readonly frame: ((content: FrameContent) => Buffer) | undefined
  /** True: the encoder is loaded a moment after the first line, so that a start does not wait for it. */
  readonly isLoadedLate: boolean
}

/** The log of a server on a machine of its own: the section decides everything. */
export const plainShape: LogShape = {
  descriptor: undefined,
  isAlwaysJson: false,
  levelMin: undefined,
  timeKey: 'time',
  hasUpperLevels: false,
  lineBytesMax: undefined,
  frame: undefined,
  isLoadedLate: false,
}
