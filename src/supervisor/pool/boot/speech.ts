/** What a worker says beside its answers, as lines of the log that name it and the job that it is at. */

import type { LinePart } from '../../../core/line-splitter.js'
import { LineSplitter } from '../../../core/line-splitter.js'
import type { WorkerLine } from '../../../core/worker-lines.js'
import type { Worker } from '../../worker/worker.js'

/** What the lines of one worker are made with. */
export interface SpeechOptions {
  readonly pool: string
  readonly lineBytesMax: () => number
  readonly writeLine: (line: WorkerLine) => void
  /** How the log names it; the worker is undefined while it boots. */
  readonly names: (worker: Worker | undefined) => Pick<WorkerLine, 'pid' | 'thread'>
}

/** Lines of a worker's output that are kept to tell of its end. */
export const tailLinesMax = 20
const tailLineLengthMax = 2048

/** The lines of one worker. */
export class Speech {
  readonly #options: SpeechOptions
  readonly #kept: string[] = []
  #worker: Worker | undefined

  constructor(options: SpeechOptions) {
    this.#options = options
  }

  /** The last lines that came through a splitter of `splitter`. */
  get kept(): readonly string[] {
    return this.#kept
  }

  /** From now on lines are tagged with this worker's job, and it hears them. */
  speakFor(worker: Worker): void {
    this.#worker = worker
  }

  /** Takes bytes and says their lines, the last of which are kept. */
  splitter(stream: WorkerLine['stream']): LineSplitter {
    return new LineSplitter({
      lineBytesMax: this.#options.lineBytesMax(),
      onLine: (text, part) => {
        if (this.#kept.push(text.slice(0, tailLineLengthMax)) > tailLinesMax) this.#kept.shift()
        this.say(stream, text, part)
      },
    })
  }

  say(stream: WorkerLine['stream'], text: string, part: LinePart | undefined): void {
    const { pool, names, writeLine } = this.#options
    this.#worker?.hear(text)
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
