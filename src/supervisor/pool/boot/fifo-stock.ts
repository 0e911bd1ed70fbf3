/**
 * Named pipes for the standard streams of workers, made ahead: `mkfifo` is a program, and one call of it makes them for all
 * workers that boot together. Where there is none, workers get socket pairs and a warning says what that costs.
 */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { messageOf } from '../../../core/errors.js'
import type { Logger } from '../../../logging/logger.js'
import { makeFifos } from '../../worker/os/fifo.js'

/** Paths of FIFOs that nobody has opened yet, in the private folder of one server. */
export class FifoStock {
  readonly #folder: string
  readonly #log: Logger
  #ready: string[] = []
  #made = 0
  #fault: string | undefined
  #making: Promise<void> = Promise.resolve()

  constructor(options: { readonly folder: string; readonly log: Logger }) {
    this.#folder = options.folder
    this.#log = options.log
  }

  /** Reason why this system cannot make any; undefined as long as it can. */
  get fault(): string | undefined {
    return this.#fault
  }

  /** Begins to make `count` of them; `take` waits for it. */
  prepare(count: number): void {
    this.#making = this.#making.then(() => this.#make(count))
  }

  /** Takes `count` FIFOs, made with one call of `mkfifo`; undefined when this system cannot make any. */
  async take(count: number): Promise<readonly string[] | undefined> {
    await this.#making
    // Another worker may have taken those that were made meanwhile.
    while (this.#ready.length < count) {
      if (this.#fault !== undefined) return undefined
      this.prepare(count)
      await this.#making
    }
    return this.#ready.splice(-count)
  }

  /** Takes back FIFOs that were not opened. */
  giveBack(paths: readonly string[]): void {
    this.#ready.push(...paths)
  }

  /** Removes those that nobody took. */
  async empty(): Promise<void> {
    await this.#making
    for (const path of this.#ready.splice(0)) rmSync(path, { force: true })
  }

  async #make(count: number): Promise<void> {
    if (this.#fault !== undefined || count === 0) return
    const paths = Array.from({ length: count }, (_, at) =>
      join(this.#folder, `fifo-${process.pid}-${this.#made + at}`),
    )
    this.#made += count
    try {
      await makeFifos(paths)
      this.#ready.push(...paths)
    } catch (error) {
      this.#fault = messageOf(error)
      this.#log.warn(
        { error: this.#fault },
        'mkfifo failed: workers cannot open /dev/stderr by path, and their relay is slower; all else works as usual',
      )
    }
  }
}
