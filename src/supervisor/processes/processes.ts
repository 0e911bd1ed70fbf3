/** The port of plain processes: programs beside the workers that know nothing of us, kept running for a plugin. Types only. */
import type { ProcessKeys } from '../pool/process-keys.js'

/** A program that is to run. */
export interface ProcessOptions {
  /** Name in log lines and messages. Several processes may have one name. */
  readonly name: string
  /** A text that is split by shell quoting rules, or a list. No shell runs it. */
  readonly command: string | readonly string[]
  /** Variables over the server's own. */
  readonly env?: Readonly<Record<string, string>>
  /** User, group, file mode mask, folder and inherited variables, as a pool has them; those of `server:` where absent. */
  readonly keys?: ProcessKeys
  /** Ends after which it is started again: `always` (default), a `failure` (a signal, or another code than 0), or `never`. */
  readonly restart?: 'always' | 'failure' | 'never'
  /** Wait before it is started again, in ms. Default: 1 s. */
  readonly restartMs?: number
  /** The longest run in ms; then it is stopped, which counts as a failure. Absent: no limit. */
  readonly runMsMax?: number
  /** The longest time in ms from `stopSignal` to SIGKILL when it is stopped. Default: 5 s. */
  readonly stopMsMax?: number
  /** Signal that asks its process group to end. Default: SIGTERM. */
  readonly stopSignal?: 'SIGTERM' | 'SIGINT' | 'SIGQUIT'
}

/** End of a process that is not started again. */
export interface ProcessEnd {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** Reason why it could not be started again; `code` and `signal` are then null. */
  readonly fault?: Error
  /** The last lines of its output, 20 at most. */
  readonly lastLines: readonly string[]
}

/** A process that is kept running. Whatever it starts in its process group ends with it. */
export interface SupervisedProcess {
  readonly name: string
  /** Undefined while it does not run. */
  readonly pid: number | undefined
  /** `waiting`: it has ended and is started again after `restartMs`. */
  readonly state: 'running' | 'waiting' | 'stopping' | 'ended'
  /** Number of times that it was started again. */
  readonly restarts: number
  /** Wall-clock ms of its last start. */
  readonly startedAtMs: number
  /** Memory of it and its children now; 0 while it does not run. */
  memoryBytes(): Promise<number>
  /** Resolves with the end after which it is not started again. Never rejects. */
  readonly ended: Promise<ProcessEnd>
  /** Ends it: `stopSignal` to its group, SIGKILL after `stopMsMax`. Resolves when it has gone; again: waits for the same end. */
  stop(): Promise<ProcessEnd>
}

/** Processes that a plugin wants beside the workers. They end with the plugin, and with the server even if that is killed. */
export interface ProcessesService {
  /**
   * Starts a program; its output is written to the log line by line, as that of workers is. Resolves once it runs. Rejects when it cannot be
   * started at all: RR_WORKER_COMMAND, RR_WORKER_SETTINGS, RR_WORKER_BOOT, or RR_PLUGIN_API for wrong options and after the plugin's stop.
   */
  start(options: ProcessOptions): Promise<SupervisedProcess>
}
