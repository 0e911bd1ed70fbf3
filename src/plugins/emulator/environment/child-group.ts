/** One process with everything that it starts, in a process group of its own. A fixed launcher sets its limits. */
import { spawn } from 'node:child_process'
import type { Exit } from './exit.js'
import { groupsBelow, readProcesses, signalGroup } from './process-tree.js'

/** A process to start. */
export interface ChildOptions {
  /** Program and arguments; no shell interprets them. */
  readonly command: readonly string[]
  readonly cwd: string
  readonly variables: Readonly<Record<string, string>>
  readonly descriptorsMax: number
  readonly user: { readonly uid: number; readonly gid: number } | undefined
  /** Takes the output of the process; absent: the process inherits ours. */
  readonly onOutput?: ((bytes: Buffer) => void) | undefined
}

const launcher = 'ulimit -n "$1" && shift && exec "$@"'

/** A running group. */
export class ChildGroup {
  /** Resolves when the first process has ended; never rejects. */
  readonly exited: Promise<Exit>
  readonly #pid: number | undefined
  #hasExited = false
  #stopped: readonly number[] = []

  constructor(options: ChildOptions) {
    const { command, cwd, variables, descriptorsMax, user, onOutput } = options
    const words = ['-c', launcher, 'lambda', String(descriptorsMax), ...command]
    const output = onOutput === undefined ? 'inherit' : 'pipe'
    const child = spawn('/bin/sh', words, {
      cwd,
      env: variables,
      detached: true,
      stdio: ['ignore', output, output],
      ...user,
    })
    this.#pid = child.pid
    this.exited = new Promise((resolve) => {
      child.once('error', (error) => resolve({ code: null, signal: null, fault: error.message }))
      child.once('exit', (code, signal) => {
        this.#hasExited = true
        resolve({ code, signal })
      })
    })
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (bytes: Buffer) => onOutput?.(bytes))
  }

  /** Pid of the first process, and id of its group; undefined when it could not be started. */
  get pid(): number | undefined {
    return this.#pid
  }

  /** The stopped groups; the first one while none is stopped. */
  get groups(): readonly number[] {
    if (this.#stopped.length > 0) return this.#stopped
    return this.#pid === undefined || this.#hasExited ? [] : [this.#pid]
  }

  /** Sends a signal to the first group only, as Lambda does. */
  signal(signal: NodeJS.Signals): void {
    if (this.#pid !== undefined && !this.#hasExited) signalGroup(this.#pid, signal)
  }

  /** Stops every group below the first process; repeats until it finds no new one, as they may be starting others. */
  stop(): void {
    const groups = new Set<number>()
    for (let size = -1; size !== groups.size; ) {
      size = groups.size
      for (const group of this.#groupsBelow()) {
        if (groups.has(group)) continue
        signalGroup(group, 'SIGSTOP')
        groups.add(group)
      }
    }
    this.#stopped = [...groups]
  }

  /** Continues all groups, the last one stopped first: a process may talk to those that were stopped after it. */
  continue(): void {
    for (const group of this.#stopped.toReversed()) signalGroup(group, 'SIGCONT')
    this.#stopped = []
  }

  /** Kills every group. They are stopped first, so that none can start another meanwhile. */
  kill(): void {
    const known = this.#stopped
    this.stop()
    for (const group of new Set([...known, ...this.#stopped])) signalGroup(group, 'SIGKILL')
  }

  #groupsBelow(): readonly number[] {
    return this.#pid === undefined || this.#hasExited ? [] : groupsBelow(this.#pid, readProcesses())
  }
}
