/** What a worker writes beside its answers, as lines of the log that name it and the job that it is at. */
import { LineSplitter } from '../../../core/line-splitter.js'
import type { OutputPacer } from '../../../core/output-pacer.js'
import { OutputReader } from '../../../core/output-reader.js'
import type { WorkerLine } from '../../../core/worker-lines.js'
import type { OutputStream } from '../../worker/process.js'
import type { Worker } from '../../worker/worker.js'

/** What the lines of one worker are made with. */
export interface WorkerOutputOptions {
  readonly pool: string
  readonly lineBytesMax: () => number
  readonly pacer: OutputPacer
  readonly writeLine: (line: WorkerLine) => void
  /** How the log names it; the worker is undefined while it boots. */
  readonly names: (worker: Worker | undefined) => Pick<WorkerLine, 'pid' | 'thread'>
}

/** Lines of a worker's output that are kept to tell of its end. */
export const tailLinesMax = 20
const tailLineLengthMax = 2048

/** The output of one worker, from all the ways by which it comes. */
export class WorkerOutput {
  readonly #options: WorkerOutputOptions
  readonly #kept: string[] = []
  readonly #lines: { readonly junk: LineSplitter; readonly others: LineSplitter[] }
  readonly #readers: OutputReader[] = []
  #worker: Worker | undefined

  constructor(options: WorkerOutputOptions) {
    this.#options = options
    this.#lines = { junk: this.#splitter('stdout'), others: [] }
  }

  /** From now on lines are tagged with this worker's job, and it hears them. */
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

  /** Takes bytes from elsewhere; what it returns is called with them. */
  taker(name: WorkerLine['stream']): (bytes: Buffer) => void {
    const lines = this.#splitter(name)
    this.#lines.others.push(lines)
    return (bytes) => lines.push(bytes)
  }

  /** Stray bytes on the relay. */
  junk(bytes: Buffer): void {
    this.#lines.junk.push(bytes)
  }

  /** A job begins or ends: what was written before belongs to what was before, also the beginning of a line. */
  endLines(): void {
    for (const reader of this.#readers) reader.endLine()
    for (const lines of this.#lines.others) lines.end()
    this.#lines.junk.end()
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
    // An empty line tells nothing.
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
      ...(job?.requestId === undefined ? {} : { requestId: job.requestId }),
      ...(job?.tenantId === undefined ? {} : { tenantId: job.tenantId }),
      ...(part === undefined ? {} : { part }),
    })
  }
}
