/** Reads a worker's output to its end, line by line, and keeps the last lines for whoever reports the worker's death. */
import type { Readable } from 'node:stream'
import { type LinePart, LineSplitter } from './line-splitter.js'

export type { LinePart } from './line-splitter.js'

/** Limits and the receiver. */
export interface OutputOptions {
  readonly lineBytesMax: number
  /** Lines that `tail` keeps. */
  readonly tailLines: number
  readonly onLine: (text: string, part: LinePart | undefined) => void
}

/** A stream that is being read. */
export interface OutputReader {
  /** The last lines, oldest first, each cut at 2,048 characters. */
  tail(): readonly string[]
  /** Resolves at the end of the stream. */
  readonly ended: Promise<void>
}

const tailCharactersMax = 2048

/** Always drains, whatever becomes of the lines: a full pipe would block the worker. */
export function readOutput(stream: Readable, options: OutputOptions): OutputReader {
  const lines: string[] = []
  const splitter = new LineSplitter({
    lineBytesMax: options.lineBytesMax,
    onLine: (text, part) => {
      lines.push(text.slice(0, tailCharactersMax))
      if (lines.length > options.tailLines) lines.shift()
      options.onLine(text, part)
    },
  })
  const ended = new Promise<void>((resolve) => {
    const end = () => {
      splitter.end()
      resolve()
    }
    stream.once('end', end)
    stream.once('close', end)
    stream.on('error', () => stream.destroy())
  })
  stream.on('data', (chunk: Buffer) => splitter.push(chunk))
  return { tail: () => lines, ended }
}
