/** The processes of one environment: the runtime and its external extensions, started, frozen, thawed and ended together. */
import { type Clock, sleep } from '../../../index.js'
import { ChildGroup, type ChildOptions } from './child-group.js'
import { EndGuard } from './end-guard.js'
import type { Exit } from './exit.js'
import { markedProcesses, signalPid } from './process-tree.js'
import type { ShutdownPlan } from './shutdown-plan.js'
import { extensionVariables } from './variables.js'

/** An external extension; its name is what it registers under. */
export interface ExtensionCommand {
  readonly name: string
  readonly command: readonly string[]
}

/** Options of a sandbox. */
export interface SandboxOptions extends ChildOptions {
  readonly extensions: readonly ExtensionCommand[]
  /** `NAME=value` among the variables, which no other environment has. */
  readonly mark: string
  readonly clock: Clock
  /** Called when the runtime has ended by itself. */
  readonly onExit: (exit: Exit) => void
  /** Called when an extension has ended by itself. */
  readonly onExtensionExit: (name: string, exit: Exit) => void
}

/** A running sandbox. */
export class Sandbox {
  readonly #options: SandboxOptions
  readonly #runtime: ChildGroup
  readonly #extensions: readonly ChildGroup[]
  readonly #guard = new EndGuard()
  #isEnding = false

  /** Starts everything: extensions first, as AWS does. */
  constructor(options: SandboxOptions) {
    this.#options = options
    const variables = extensionVariables(options.variables)
    this.#extensions = options.extensions.map(({ name, command }) => {
      const group = new ChildGroup({ ...options, command, variables })
      void group.exited.then((exit) => this.#isEnding || options.onExtensionExit(name, exit))
      return group
    })
    this.#runtime = new ChildGroup(options)
    void this.#runtime.exited.then((exit) => this.#isEnding || options.onExit(exit))
    this.#hold()
  }

  /** Pid of the runtime. */
  get pid(): number | undefined {
    return this.#runtime.pid
  }

  /** Resolves with how the runtime ended; never rejects. */
  get exited(): Promise<Exit> {
    return this.#runtime.exited
  }

  /** Stops all processes until `thaw`. */
  freeze(): void {
    for (const group of this.#all) group.stop()
    this.#hold()
  }

  /** Continues all processes. */
  thaw(): void {
    for (const group of this.#all) group.continue()
    this.#hold()
  }

  /** Ends the processes: SIGTERM, wait, SHUTDOWN, wait, SIGKILL. Resolves when they have ended. */
  async end(plan: ShutdownPlan, tellExtensions: () => void): Promise<void> {
    this.#isEnding = true
    if (plan.runtimeMs > 0) {
      this.#runtime.signal('SIGTERM')
      await this.#within(plan.runtimeMs, [this.#runtime])
      this.#runtime.kill()
    }
    if (plan.extensionsMs > 0) {
      tellExtensions()
      await this.#within(plan.extensionsMs, this.#extensions)
    }
    await this.kill()
  }

  /** Kills all processes at once, orphaned ones too. Resolves when they have ended. */
  async kill(): Promise<void> {
    this.#isEnding = true
    for (const group of this.#all) group.kill()
    // Orphaned processes are known by the mark only.
    for (const pid of markedProcesses(this.#options.mark)) signalPid(pid, 'SIGKILL')
    await Promise.all(this.#all.map(({ exited }) => exited))
    this.#guard.hold([])
    this.#guard.close()
  }

  #hold(): void {
    this.#guard.hold(this.#all.flatMap(({ groups }) => groups))
  }

  get #all(): readonly ChildGroup[] {
    return [this.#runtime, ...this.#extensions]
  }

  async #within(ms: number, groups: readonly ChildGroup[]): Promise<void> {
    const over = new AbortController()
    const exits = Promise.all(groups.map(({ exited }) => exited)).then(() => over.abort())
    await Promise.race([exits, sleep(this.#options.clock, ms, over.signal)])
    over.abort()
  }
}
