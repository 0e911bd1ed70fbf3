/**
 * Holds the output of a pool's booting workers until the boot has ended, but that of the first one for a second at most. A boot that
 * fails with the same output as one before it writes nothing, so that one mistake in a worker is logged once.
 */
import type { Clock, Timer } from '../../../core/clock.js'
import { messageOf } from '../../../core/errors.js'
import type { WorkerLine } from '../../../logging/worker-lines.js'
import type { BootFault, BootWorker } from './boot-worker.js'
import { maskNumbers } from './failed-start.js'

/** Parts of the boot lines. */
export interface BootLinesOptions {
  readonly clock: Clock
  readonly writeLine: (line: WorkerLine) => void
  /** True when a fault was logged before this server started. */
  readonly isKnown?: (message: string) => boolean
}

/** Receives the lines of one boot. */
export interface BootSink {
  write(line: WorkerLine): void
  /** Writes the held lines because the worker is ready; later ones are written at once. */
  ready(): void
  /** Writes the held lines of a failed boot unless its output or its fault repeats one before; true when it does. */
  failed(message: string): boolean
}

// A slow boot is shown as it goes on: lines of the first worker are held for this long at most.
const heldMsMax = 1000
const heldLinesMax = 200
const wordsLengthMax = 64 * 1024
// Workers of one pool fail in a few different ways, not in many.
const toldWordsMax = 16

/** Lines of the booting workers of one pool. */
export class BootLines {
  readonly #options: BootLinesOptions
  /** Boots in the order in which they began. Only the first one's lines may be written before its boot has ended. */
  readonly #booting = new Set<HeldLines>()
  readonly #toldWords = new Set<string>()
  #isKnown: BootLinesOptions['isKnown']

  constructor(options: BootLinesOptions) {
    this.#options = options
    this.#isKnown = options.isKnown
  }

  /** Lets the next failure be logged also when it repeats: the code of the workers may have changed. */
  forget(): void {
    this.#toldWords.clear()
    this.#isKnown = undefined
  }

  /** Begins to hold the lines of a boot. */
  begin(): BootSink {
    const held = new HeldLines(this.#options)
    this.#booting.add(held)
    this.#leadOn()
    return {
      write: (line) => held.write(line),
      ready: () => {
        this.#end(held)
        this.forget()
        held.release()
      },
      failed: (message) => {
        this.#end(held)
        const isRepeated = this.#toldWords.has(held.words) || this.#isKnown?.(message) === true
        if (this.#toldWords.size < toldWordsMax) this.#toldWords.add(held.words)
        if (isRepeated) held.drop()
        else held.release()
        return isRepeated
      },
    }
  }

  #end(held: HeldLines): void {
    this.#booting.delete(held)
    this.#leadOn()
  }

  #leadOn(): void {
    const [first] = this.#booting
    first?.lead()
  }
}

/** Makes a boot whose lines go through `lines`; a fault that repeats is marked. */
export function bootThrough(
  lines: BootLines | undefined,
  writeLine: (line: WorkerLine) => void,
  boot: (writeLine: (line: WorkerLine) => void) => BootWorker,
): BootWorker {
  if (lines === undefined) return boot(writeLine)
  return async (events, signal) => {
    const sink = lines.begin()
    try {
      const worker = await boot(sink.write)(events, signal)
      sink.ready()
      return worker
    } catch (error) {
      const isRepeated = sink.failed(messageOf(error))
      throw error instanceof Error ? Object.assign<Error, Partial<BootFault>>(error, { isRepeated }) : error
    }
  }
}

class HeldLines {
  readonly #options: BootLinesOptions
  #held: WorkerLine[] | undefined = []
  #isLeading = false
  #timer: Timer | undefined
  #words = ''

  constructor(options: BootLinesOptions) {
    this.#options = options
  }

  /** Text of all lines, with numbers masked: pids and times differ between failures of one cause. */
  get words(): string {
    return this.#words
  }

  /** Lets its lines be written before the end of the boot. */
  lead(): void {
    this.#isLeading = true
    if (this.#held !== undefined && this.#held.length > 0) this.#releaseSoon()
  }

  write(line: WorkerLine): void {
    if (this.#words.length < wordsLengthMax) this.#words += `${maskNumbers(line.text)}\n`
    if (this.#held === undefined) {
      this.#options.writeLine(line)
      return
    }
    if (this.#held.push(line) > heldLinesMax) this.release()
    else if (this.#isLeading) this.#releaseSoon()
  }

  release(): void {
    this.#timer?.clear()
    const held = this.#held ?? []
    this.#held = undefined
    for (const line of held) this.#options.writeLine(line)
  }

  drop(): void {
    this.#timer?.clear()
    this.#held = []
    this.#isLeading = false
  }

  #releaseSoon(): void {
    this.#timer ??= this.#options.clock.timer(heldMsMax, () => this.release(), { unref: true })
  }
}
