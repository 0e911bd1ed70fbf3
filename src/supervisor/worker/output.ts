/**
 * Everything that one worker writes apart from its answers: logs it as lines that name the worker and its job, and keeps the
 * last lines for reports of the end of the worker or of a job.
 */
import type { Undo } from '../../core/abort.js'
import { LineSplitter } from '../../logging/line-splitter.js'
import type { OutputPacer } from '../../logging/output-pacer.js'
import { OutputReader } from '../../logging/output-reader.js'
import type { WorkerLine } from '../../logging/worker-lines.js'
import type { Job } from '../job.js'
import type { OutputStream } from './os/process.js'
import type { WorkerId } from './worker-id.js'

/** Parts of a worker's output. */
export interface WorkerOutputOptions {
  readonly pool: string
  readonly id: WorkerId
  readonly lineBytesMax: () => number
  readonly pacer: OutputPacer
  readonly writeLine: (line: WorkerLine) => void
}

/** A line with the job that it belongs to, as it is logged. */
export interface TaggedLine {
  readonly job: Job | undefined
  readonly text: string
}

const keptMax = 20
const keptLengthMax = 2048

/** Output of one worker, from all the ways by which it comes. */
export class WorkerOutput {
  readonly #options: WorkerOutputOptions
  readonly #kept: string[] = []
  readonly #strayLines: LineSplitter
  readonly #readers: OutputReader[] = []
  #lineCount = 0
  #jobOf: () => Job | undefined = () => undefined
  #tag: ((text: string) => TaggedLine) | undefined
  #listener: ((line: string) => void) | undefined
  #watchers: Set<(line: string) => void> | undefined

  constructor(options: WorkerOutputOptions) {
    this.#options = options
    this.#strayLines = this.#splitter('stdout')
  }

  /** Number of lines so far: a mark for `since`. */
  get lineCount(): number {
    return this.#lineCount
  }

  /** Resolves when all streams have been read to their ends. */
  get ended(): Promise<void> {
    return Promise.all(this.#readers.map(({ ended }) => ended)).then(() => this.endLines())
  }

  /** The last lines, oldest first, 20 at most, each cut at 2,048 characters. */
  last(count = keptMax): readonly string[] {
    return count === 0 ? [] : this.#kept.slice(-count)
  }

  /** The lines that came after the first `lineCount`, as `last` gives them. */
  since(lineCount: number): readonly string[] {
    return this.last(Math.min(keptMax, this.#lineCount - lineCount))
  }

  /** Tags lines with the job that `jobOf` returns. */
  tagWith(jobOf: () => Job | undefined): void {
    this.#jobOf = jobOf
  }

  /** Tags each line with the job that `tag` finds for it, and logs the text that it returns. */
  tagEach(tag: (text: string) => TaggedLine): void {
    this.#tag = tag
  }

  /** Calls `listener` with each whole line from now on; undefined ends that. */
  listen(listener: ((line: string) => void) | undefined): void {
    this.#listener = listener
  }

  /** Calls `watcher` with each whole line, beside the listener; the returned function ends that. */
  watch(watcher: (line: string) => void): Undo {
    const watchers = this.#watchers ?? new Set()
    this.#watchers = watchers.add(watcher)
    return () => {
      watchers.delete(watcher)
      if (watchers.size === 0) this.#watchers = undefined
    }
  }

  /** Reads a stream to its end. */
  read({ stream, readNow }: OutputStream, name: WorkerLine['stream']): void {
    const { pacer } = this.#options
    this.#readers.push(new OutputReader(stream, { lines: this.#splitter(name), pacer, readNow }))
  }

  /** Logs bytes that came over the relay without being a frame. */
  addStray(bytes: Buffer): void {
    this.#strayLines.push(bytes)
  }

  /** Completes the lines of all streams when a job begins or ends: output written before belongs to the earlier job, even half a line. */
  endLines(): void {
    for (const reader of this.#readers) reader.endLine()
    this.#strayLines.end()
  }

  #splitter(stream: WorkerLine['stream']): LineSplitter {
    return new LineSplitter({
      lineBytesMax: this.#options.lineBytesMax(),
      onLine: (text, part) => this.#write(stream, text, part),
    })
  }

  #write(stream: WorkerLine['stream'], text: string, part: WorkerLine['part']): void {
    // Empty lines carry no information.
    if (part === undefined && text.trim() === '') return
    this.#lineCount += 1
    if (this.#kept.push(text.slice(0, keptLengthMax)) > keptMax) this.#kept.shift()
    this.#listener?.(text)
    if (this.#watchers !== undefined) for (const watcher of this.#watchers) watcher(text)
    const { pool, id, writeLine } = this.#options
    const tagged = this.#tag?.(text)
    const job = tagged === undefined ? this.#jobOf() : tagged.job
    writeLine({
      pool,
      ...id,
      stream,
      text: tagged?.text ?? text,
      ...(job?.id === undefined ? {} : { job: job.id }),
      ...(job?.tags === undefined ? {} : { tags: job.tags }),
      ...(part === undefined ? {} : { part }),
    })
  }
}
