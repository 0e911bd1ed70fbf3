/** Keeps one program running: waits for its end, starts it again as its options say, and stops it with its process group. */
import { onAbort, type Undo } from '../../core/abort.js'
import { type Clock, sleep } from '../../core/clock.js'
import { messageOf } from '../../core/errors.js'
import type { Logger } from '../../logging/logger.js'
import { treeBytes } from '../machine/memory.js'
import type { WorkerProcess } from '../worker/os/process.js'
import type { WorkerOutput } from '../worker/output.js'
import type { ProcessEnd, ProcessOptions, SupervisedProcess } from './processes.js'

/** A started program with its output. */
export interface ProgramRun {
  readonly process: WorkerProcess
  readonly output: WorkerOutput
}

/** Options of a program that is kept running. */
export interface ProgramOptions extends ProcessOptions {
  /** Starts it; rejects when that cannot be done. */
  readonly launch: () => Promise<ProgramRun>
  readonly clock: Clock
  readonly log: Logger
}

const restartMsDefault = 1000
const stopMsDefault = 5000
// The last lines are read right after the end. A process that left the group may hold the streams open for ever.
const outputMsMax = 500

/** One program, running or about to run again. */
export class SupervisedProgram implements SupervisedProcess {
  readonly name: string
  readonly ended: Promise<ProcessEnd>
  readonly #options: ProgramOptions
  readonly #stopping = new AbortController()
  #run: ProgramRun | undefined
  #end: ProcessEnd | undefined
  #restarts = 0
  #startedAtMs = 0

  private constructor(options: ProgramOptions, first: ProgramRun) {
    this.name = options.name
    this.#options = options
    this.ended = this.#supervise(first)
  }

  /** Starts the program; rejects when its first start fails. */
  static async start(options: ProgramOptions): Promise<SupervisedProgram> {
    return new SupervisedProgram(options, await options.launch())
  }

  get pid(): number | undefined {
    return this.#run?.process.id.pid
  }

  get state(): SupervisedProcess['state'] {
    if (this.#end !== undefined) return 'ended'
    if (this.#stopping.signal.aborted) return 'stopping'
    return this.#run === undefined ? 'waiting' : 'running'
  }

  get restarts(): number {
    return this.#restarts
  }

  get startedAtMs(): number {
    return this.#startedAtMs
  }

  async memoryBytes(): Promise<number> {
    return this.pid === undefined ? 0 : treeBytes(this.pid)
  }

  stop(): Promise<ProcessEnd> {
    this.#stopping.abort()
    return this.ended
  }

  /** SIGKILL to its group, now; it is not started again. */
  kill(): void {
    this.#stopping.abort()
    this.#run?.process.kill()
  }

  async #supervise(first: ProgramRun): Promise<ProcessEnd> {
    const { clock, restartMs = restartMsDefault } = this.#options
    const { signal } = this.#stopping
    let end = await this.#untilEnd(first)
    while (!signal.aborted && this.#startsAgain(end)) {
      await sleep(clock, restartMs, signal)
      if (!signal.aborted) end = await this.#again()
    }
    this.#end = end
    return end
  }

  async #again(): Promise<ProcessEnd> {
    try {
      const run = await this.#options.launch()
      this.#restarts += 1
      return await this.#untilEnd(run)
    } catch (error) {
      const fault = error instanceof Error ? error : new Error(messageOf(error))
      return { code: null, signal: null, fault, lastLines: [] }
    }
  }

  /** Waits for the end of a run, which a stop or the limit of its time may bring about. */
  async #untilEnd(run: ProgramRun): Promise<ProcessEnd> {
    const { clock, log, runMsMax, stopMsMax = stopMsDefault, stopSignal, name } = this.#options
    const { process, output } = run
    const { pid } = process.id
    this.#run = run
    this.#startedAtMs = clock.nowMs()
    log.debug({ process: name, pid }, 'a process runs')
    const undos: Undo[] = []
    const later = (ms: number, act: () => void) => {
      const timer = clock.timer(ms, act)
      undos.push(() => timer.clear())
    }
    const terminate = () => {
      process.terminate(stopSignal)
      later(stopMsMax, () => process.kill())
    }
    undos.push(onAbort(this.#stopping.signal, terminate))
    if (runMsMax !== undefined)
      later(runMsMax, () => {
        log.warn({ process: name, pid, runMsMax }, 'a process ran too long and is stopped')
        terminate()
      })
    const { code, signal } = await process.exited
    for (const undo of undos) undo()
    // Children that it left behind in its group.
    process.kill()
    await Promise.race([output.ended, sleep(clock, outputMsMax)])
    this.#run = undefined
    return { code, signal, lastLines: output.last() }
  }

  /** Decides after an end that nobody asked for, and logs it. */
  #startsAgain({ code, signal, fault }: ProcessEnd): boolean {
    const { name, restart = 'always', restartMs = restartMsDefault, log } = this.#options
    const isFailure = code !== 0
    const facts = { process: name, code, signal, ...(fault === undefined ? {} : { error: fault.message }) }
    const level = isFailure ? 'warn' : 'info'
    if (restart === 'never' || (restart === 'failure' && !isFailure)) {
      log[level](facts, 'a process ended')
      return false
    }
    log[level]({ ...facts, restartMs }, 'a process ended and is started again')
    return true
  }
}
