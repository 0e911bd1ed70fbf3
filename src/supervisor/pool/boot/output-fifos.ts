/**
 * Named pipes for the output of workers, made ahead: `mkfifo` is a program, and one call of it makes them for all workers
 * that boot together. Where there is none, workers get socket pairs and a warning says what that costs.
 */
import { join } from 'node:path'
import { messageOf } from '../../../core/errors.js'
import type { Logger } from '../../../logging/logger.js'
import { type FifoOwner, makeFifos, type OutputFifo, openOutputFifo } from '../../worker/os/fifo.js'

/** FIFOs of one server, in its private folder. */
export class OutputFifos {
  readonly #folder: string
  readonly #log: Logger
  #ready: string[] = []
  #made = 0
  #isMissing = false
  #making: Promise<void> = Promise.resolve()

  constructor(options: { readonly folder: string; readonly log: Logger }) {
    this.#folder = options.folder
    this.#log = options.log
  }

  /** Begins to make `count` of them; `take` waits for it. */
  prepare(count: number): void {
    this.#making = this.#making.then(() => this.#make(count))
  }

  /** Takes one FIFO, opened for a child and its owner's (ours, when there is none); undefined when this system cannot make any. */
  async take(owner?: FifoOwner): Promise<OutputFifo | undefined> {
    await this.#making
    if (this.#ready.length === 0) {
      this.prepare(1)
      await this.#making
    }
    const path = this.#ready.pop()
    return path === undefined ? undefined : openOutputFifo(path, owner)
  }

  async #make(count: number): Promise<void> {
    if (this.#isMissing || count === 0) return
    const paths = Array.from({ length: count }, (_, at) =>
      join(this.#folder, `out-${process.pid}-${this.#made + at}`),
    )
    this.#made += count
    try {
      await makeFifos(paths)
      this.#ready.push(...paths)
    } catch (error) {
      this.#isMissing = true
      this.#log.warn(
        { error: messageOf(error) },
        'mkfifo failed: workers cannot open /dev/stderr by path, their standard error works otherwise',
      )
    }
  }
}
