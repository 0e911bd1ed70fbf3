/** Logs what a worker writes apart from its answers, as lines that name the worker and its current job. */
import { LineSplitter } from '../../../logging/line-splitter.js'
import type { OutputPacer } from '../../../logging/output-pacer.js'
import { OutputReader } from '../../../logging/output-reader.js'
import type { WorkerLine } from '../../../logging/worker-lines.js'
import type { OutputStream } from '../../worker/os/process.js'
import type { Worker } from '../../worker/worker.js'

/** Options for the lines of one worker. */
export interface WorkerOutputOptions {
  readonly pool: string
  readonly lineBytesMax: () => number
  readonly pacer: OutputPacer
  readonly writeLine: (line: WorkerLine) => void
  /** Fields that name the worker in the log; the worker is undefined while it boots. */
  readonly names: (worker: Worker | undefined) => Pick<WorkerLine, 'pid' | 'thread'>
}

/** Number of output lines that are kept to report a worker's end. */
const tailLinesMax = 20
const tailLineLengthMax = 2048

/** The output of one worker, from all the ways by which it comes. */
export class WorkerOutput {
  readonly #options: WorkerOutputOptions
  readonly #kept: string[] = []
  readonly #junkLines: LineSplitter
  readonly #readers: OutputReader[] = []
  #worker: Worker | undefined

  constructor(options: WorkerOutputOptions) {
    this.#options = options
    this.#junkLines = this.#splitter('stdout')
  }

  /** Tags lines with this worker and its current job from now on. */
  tagWith(worker: Worker): void {
    this.#worker = worker
  }

  /** Reads a stream to its end; resolves then. */
  read({ stream, readNow }: OutputStream, name: WorkerLine['stream']): Promise<void> {
    const { pacer } = this.#options
    const reader = new OutputReader(stream, { lines: this.#splitter(name), pacer, readNow })
    this.#readers.push(reader)
    return reader.ended
  }

  /** Logs stray bytes of the relay as lines. */
  junk(bytes: Buffer): void {
    this.#junkLines.push(bytes)
  }

  /** Completes the lines of all streams when a job begins or ends: output written before belongs to the earlier job, even half a line. */
  endLines(): void {
    for (const reader of this.#readers) reader.endLine()
    this.#junkLines.end()
  }

  /** The last lines, oldest first, each cut at 2,048 characters. */
  lastLines(): readonly string[] {
    return [...this.#kept]
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
    if (this.#kept.push(text.slice(0, tailLineLengthMax)) > tailLinesMax) this.#kept.shift()
    this.#worker?.hear(text)
    const { pool, names, writeLine } = this.#options
    const job = this.#worker?.job
    writeLine({
      pool,
      ...names(this.#worker),
      stream,
      text,
      ...(job?.id === undefined ? {} : { job: job.id }),
      ...(job?.tags === undefined ? {} : { tags: job.tags }),
      ...(part === undefined ? {} : { part }),
    })
  }
}
