/** Reads one stream of a worker's output to its end, line by line, in the turns that it is given. */
import type { Readable } from 'node:stream'
import { deferred } from '../core/deferred.js'
import type { LineSplitter } from './line-splitter.js'
import type { OutputPacer, PacedOutput } from './output-pacer.js'

/** Options of an output reader. */
export interface OutputReaderOptions {
  readonly lines: LineSplitter
  readonly pacer: OutputPacer
  /** Reads bytes that the kernel holds and the stream has not read yet; undefined when there are none, or no way to ask. */
  readonly readNow: (() => Buffer | undefined) | undefined
}

// What is read in one go: about a millisecond's worth of lines.
const sliceBytes = 16 * 1024
// More than a pipe holds by default: all that a worker can have written before it answered.
const catchUpBytesMax = 128 * 1024

/**
 * Reads everything, even if its lines are dropped: a full pipe would block the worker. Reading waits for its turn, and so may the
 * worker.
 */
export class OutputReader implements PacedOutput {
  readonly #ended = deferred()
  /** Resolves at the end of the stream, when its last line has been handed on. */
  readonly ended = this.#ended.promise
  readonly #stream: Readable
  readonly #options: OutputReaderOptions
  /** Bytes that were read and not yet cut into lines; the stream is paused meanwhile. */
  #chunks: Buffer[] = []
  #isWaiting = false
  #isCatchingUp = false
  #isOver = false

  constructor(stream: Readable, options: OutputReaderOptions) {
    this.#stream = stream
    this.#options = options
    stream.on('data', (chunk: Buffer) => this.#take(chunk))
    stream.once('end', () => this.#end())
    stream.once('close', () => this.#end())
    stream.on('error', () => stream.destroy())
  }

  proceed(): boolean {
    const [chunk] = this.#chunks
    if (chunk !== undefined) {
      this.#options.lines.push(chunk.subarray(0, sliceBytes))
      if (chunk.length > sliceBytes) this.#chunks[0] = chunk.subarray(sliceBytes)
      else this.#chunks.shift()
      if (this.#chunks.length > 0) return true
    }
    this.#isWaiting = false
    if (this.#isOver) this.#end()
    else this.#stream.resume()
    return false
  }

  /** Reads everything that was written so far, and completes a line that has no end yet. */
  endLine(): void {
    if (this.#isWaiting) this.#catchUp()
    this.#options.lines.end()
  }

  #take(chunk: Buffer): void {
    const { lines, pacer } = this.#options
    if (this.#isCatchingUp) lines.push(chunk)
    else if (!this.#isWaiting && pacer.hasRoom && chunk.length <= sliceBytes)
      pacer.spend(() => lines.push(chunk))
    else this.#wait(chunk)
  }

  #wait(chunk: Buffer): void {
    this.#chunks.push(chunk)
    if (this.#isWaiting) return
    this.#isWaiting = true
    this.#stream.pause()
    this.#options.pacer.wait(this)
  }

  #catchUp(): void {
    const { lines, readNow } = this.#options
    this.#isCatchingUp = true
    for (const chunk of this.#chunks.splice(0)) lines.push(chunk)
    // Handed on by `data`.
    while (this.#stream.readableLength > 0 && this.#stream.read() !== null);
    for (let left = catchUpBytesMax; left > 0; ) {
      const chunk = readNow?.()
      if (chunk === undefined) break
      lines.push(chunk)
      left -= chunk.length
    }
    this.#isCatchingUp = false
  }

  #end(): void {
    this.#isOver = true
    if (this.#isWaiting) return
    this.#options.lines.end()
    this.#ended.resolve()
  }
}
