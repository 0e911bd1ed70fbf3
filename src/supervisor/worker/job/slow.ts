/**
 * A job that has used most of its time: logs one warning, with the worker's stack when it prints one. Made when the warning
 * is due, so that a job which ends in time costs nothing.
 */
import type { Clock, Timer } from '../../../core/clock.js'
import type { LogFields, Logger } from '../../../logging/logger.js'
import { StackLines } from '../stack-lines.js'

/** The share of its limit after which a job is slow. */
export const slowShare = 0.8

// A worker that can print its stack does so within a few ms; a busy machine, or a C call of PHP, makes it later.
const answerMsMax = 1000
// A stack comes in one write: this long after its first line it is whole.
const quietMs = 50

/** Parts of a warning. */
export interface SlowJobOptions {
  readonly log: Logger
  readonly clock: Clock
  readonly fields: LogFields
  /** True when the worker has been asked for its stack. */
  readonly isAsked: boolean
}

/** The warning of one job. */
export class SlowJob {
  readonly #options: SlowJobOptions
  readonly #stack = new StackLines()
  #timer: Timer | undefined
  #isTold = false

  constructor(options: SlowJobOptions) {
    this.#options = options
    if (options.isAsked) this.#tellAfter(answerMsMax)
    else this.tell()
  }

  /** The innermost frame of the stack that the worker printed; undefined when it printed none. */
  get top(): string | undefined {
    return this.#stack.top
  }

  /** Takes a line that the worker wrote. */
  addLine(line: string): void {
    const isFirst = this.#stack.lines.length === 0
    if (this.#stack.add(line) && isFirst && !this.#isTold) this.#tellAfter(quietMs)
  }

  /** Writes the warning unless it has been written: the job is over, or waiting longer is of no use. */
  tell(): void {
    this.#timer?.clear()
    if (this.#isTold) return
    this.#isTold = true
    const { log, fields } = this.#options
    const stack = this.#stack.lines
    log.warn(stack.length === 0 ? fields : { ...fields, stack }, 'a job has used 80 % of its time')
  }

  #tellAfter(ms: number): void {
    this.#timer?.clear()
    this.#timer = this.#options.clock.timer(ms, () => this.tell())
  }
}
