/**
 * The bounded buffer of the log and its one writer. A call to the log never waits: lines that cannot be written at once stay here
 * and are tried again. When they become too many, workers' output is held back for a moment; then workers' lines are dropped and
 * counted, the server's own only at a higher mark. One line reports it when the log works again.
 *
 * Invariant: `#bytes` is the length of `#head` and `#pending` together, and `#head` begins where the last write ended: a line that
 * was written in part goes on before anything else.
 */
import type { Clock, Timer } from '../../core/clock.js'
import type { LogTarget } from './target.js'

/** Origin of a line. */
export type LineSource = 'worker' | 'server'

/** Counts of the lines that were dropped until the log worked again. */
export interface DroppedLines {
  readonly workerLines: number
  readonly serverLines: number
  /** The reason, for people. */
  readonly why: string
  /** Time since the first of them. */
  readonly forMs: number
}

/** Options of a log writer. */
export interface LogWriterOptions {
  readonly target: LogTarget
  readonly clock: Clock
  /** True: workers' output is to be held back; false: it may go on. */
  readonly onHold: (isHeld: boolean) => void
  /** Called when lines have been dropped and writing works again. */
  readonly onRecovered: (dropped: DroppedLines) => void
}

/** Above this much unwritten, workers are held back. */
export const holdBytes = 2 ** 20
/** Once no more than this is unwritten, they go on. */
const roomBytes = holdBytes / 2
/** Limits of the buffer, which one line may exceed: output that workers wrote before they were held back needs room, too. */
const bytesMax: Readonly<Record<LineSource, number>> = { worker: 2 * holdBytes, server: 4 * holdBytes }
/** Longest time that workers are held back before their lines are dropped. */
const holdMsMax = 500
const retryMsMax = 1000
/** A new line makes a log that failed be tried again, but no more often than this. */
const kickMsMin = 20
/** Longest wait for the log at the end of the process. */
export const endMsMax = 250

/** Writes lines in their order. */
export class LogWriter {
  readonly #options: LogWriterOptions
  #pending: (string | Buffer)[] = []
  #head: Buffer | undefined
  #bytes = 0
  #isScheduled = false
  #isWriting = false
  /** System error of the last write; undefined when it succeeded or would only have blocked. */
  #fault: string | undefined
  #retry: Timer | undefined
  #retryMs = 0
  #triedAt = 0
  #hold: Timer | undefined
  /** Start of the time in which lines are dropped, and how many were. */
  #dropped: { readonly since: number; readonly why: string; worker: number; server: number } | undefined
  /** Count of all bytes that were ever taken; `#bytesAdded - #bytes` of them are written. */
  #bytesAdded = 0
  readonly #waiting = new Set<{ readonly until: number; readonly resolve: () => void }>()

  constructor(options: LogWriterOptions) {
    this.#options = options
  }

  /** True when nothing waits. */
  get isEmpty(): boolean {
    return this.#bytes === 0
  }

  /** Takes a whole line with its end; returns false when it was dropped. */
  write(line: string | Buffer, source: LineSource): boolean {
    const isFull = this.#bytes > bytesMax[source]
    const isKept = !isFull && (source === 'server' || this.#dropped === undefined)
    if (isKept) {
      const bytes = typeof line === 'string' ? Buffer.byteLength(line) : line.length
      this.#pending.push(line)
      this.#bytes += bytes
      this.#bytesAdded += bytes
      if (this.#bytes > holdBytes) this.#holdBack()
    } else this.#startDropping()[source] += 1
    this.#schedule()
    return isKept
  }

  /** Writes what can be written without waiting. */
  writeNow(): void {
    if (this.#retry === undefined) this.#attempt()
  }

  /** Resolves with true when all is written, with false after `limitMs`. */
  flush(limitMs: number): Promise<boolean> {
    this.#retryMs = 0
    this.#tryAgain()
    return this.#bytes === 0 ? Promise.resolve(true) : this.#reaches(Number.POSITIVE_INFINITY, limitMs)
  }

  /** Resolves with true when the lines so far are written, with false after `limitMs`. */
  whenWritten(limitMs: number): Promise<boolean> {
    return this.#bytes === 0 ? Promise.resolve(true) : this.#reaches(this.#bytesAdded, limitMs)
  }

  /** Resolves with true once `until` bytes are written, all of them for Infinity; with false after `limitMs`. */
  #reaches(until: number, limitMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const end = (isWritten: boolean) => {
        timer.clear()
        this.#waiting.delete(waiter)
        resolve(isWritten)
      }
      const waiter = { until, resolve: () => end(true) }
      const timer = this.#options.clock.timer(limitMs, () => end(false))
      this.#waiting.add(waiter)
    })
  }

  #tellWaiting(): void {
    const written = this.#bytesAdded - this.#bytes
    for (const { until, resolve } of this.#waiting) if (until <= written || this.#bytes === 0) resolve()
  }

  /** Reports the lines that were dropped; at the end of the process even if the log does not work. */
  tellDropped(): void {
    const dropped = this.#dropped
    if (dropped === undefined) return
    this.#dropped = undefined
    const { worker: workerLines, server: serverLines, why } = dropped
    const forMs = Math.round(this.#options.clock.monotonicMs() - dropped.since)
    if (workerLines + serverLines > 0) this.#options.onRecovered({ workerLines, serverLines, why, forMs })
  }

  #startDropping() {
    const { clock } = this.#options
    this.#dropped ??= {
      since: clock.monotonicMs(),
      why: this.#fault ?? 'the reader does not read',
      worker: 0,
      server: 0,
    }
    this.#letGo()
    return this.#dropped
  }

  /** Drops lines at once when writes fail; when they are only slow, holds workers back for a moment. */
  #holdBack(): void {
    if (this.#dropped !== undefined || this.#hold !== undefined) return
    if (this.#fault !== undefined) {
      this.#startDropping()
      return
    }
    this.#hold = this.#options.clock.timer(holdMsMax, () => this.#startDropping(), { unref: true })
    this.#options.onHold(true)
  }

  #letGo(): void {
    if (this.#hold === undefined) return
    this.#hold.clear()
    this.#hold = undefined
    this.#options.onHold(false)
  }

  /** Schedules a write at the end of the current callback, so that the lines of one chunk are one write. */
  #schedule(): void {
    if (this.#isScheduled) return
    if (this.#retry !== undefined && this.#options.clock.monotonicMs() - this.#triedAt < kickMsMin) return
    this.#isScheduled = true
    process.nextTick(() => {
      this.#isScheduled = false
      this.#tryAgain()
    })
  }

  #tryAgain(): void {
    this.#retry?.clear()
    this.#retry = undefined
    this.#attempt()
  }

  #attempt(): void {
    if (this.#isWriting) return
    if (this.#head === undefined && this.#pending.length > 0) {
      this.#head = bytesOf(this.#pending)
      this.#pending = []
    }
    if (this.#head === undefined) return
    this.#isWriting = true
    this.#options.target.write(this.#head, (error, count) => this.#onWritten(error, count))
  }

  #onWritten(error: NodeJS.ErrnoException | undefined, count: number): void {
    this.#isWriting = false
    if (error !== undefined || count === 0) {
      this.#fail(error)
      return
    }
    this.#fault = undefined
    this.#retryMs = 0
    this.#bytes -= count
    this.#head =
      this.#head !== undefined && count < this.#head.length ? this.#head.subarray(count) : undefined
    if (this.#bytes <= roomBytes) {
      this.#letGo()
      this.tellDropped()
    }
    if (this.#waiting.size > 0) this.#tellWaiting()
    if (this.#bytes > 0) this.#attempt()
  }

  /** Handles a failed write, which may be temporary: a reader comes back, a disk has room again. */
  #fail(error: NodeJS.ErrnoException | undefined): void {
    const { clock } = this.#options
    this.#fault = error === undefined || error.code === 'EAGAIN' ? undefined : error.message
    if (this.#fault !== undefined && this.#bytes > holdBytes) this.#startDropping()
    this.#triedAt = clock.monotonicMs()
    this.#retryMs = Math.min(retryMsMax, Math.max(1, 2 * this.#retryMs))
    this.#retry = clock.timer(this.#retryMs, () => this.#tryAgain(), { unref: true })
  }
}

function bytesOf(lines: readonly (string | Buffer)[]): Buffer {
  const isText = lines.every((line) => typeof line === 'string')
  if (isText) return Buffer.from(lines.join(''))
  return Buffer.concat(lines.map((line) => (typeof line === 'string' ? Buffer.from(line) : line)))
}
