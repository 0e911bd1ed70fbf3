/** The files of `rr dev`: watches them, restarts the workers that a change concerns, and says which and why. */
import { resolve } from 'node:path'
import type { Logger } from '../../../src/logging/logger.js'
import type { HeldPool } from '../../../src/supervisor/pool/pool.js'
import type { DevSettings } from '../../../src/supervisor/sections.js'
import type { Server } from '../../../src/supervisor/server.js'
import type { StartPlan } from '../plan.js'
import { concernsWorkers, patternOf } from './loaded-files.js'
import { type Watch, watchFolder } from './watch.js'

/** Parts of a run that its changes need. */
export interface DevChangesOptions {
  readonly plan: Pick<StartPlan, 'cwd' | 'files' | 'plugins'>
  readonly pools: Server['pools']
  readonly dev: DevSettings
  readonly log: Logger
  /** Called with the changed paths; `apply` is then called with them where they are to have an effect. */
  readonly onChange: (paths: readonly string[]) => void
}

/** The watch of one run. */
export class DevChanges {
  /** Resolves when every folder that can be watched is. */
  readonly ready: Promise<void>
  readonly #options: DevChangesOptions
  readonly #log: Logger
  readonly #watch: Watch
  /** Workers of each pool that could not boot, as it was last reported. */
  readonly #heldWorkers = new Map<string, number>()

  constructor(options: DevChangesOptions) {
    this.#options = options
    const log = options.log.named('watch')
    this.#log = log
    this.#watch = watchFolder({
      folder: options.plan.cwd,
      onChange: options.onChange,
      isIgnored: patternOf(options.dev.ignore),
      // The pools are opened later, and what is not in a file's name is not known before.
      isWanted: (path) => this.#isStartFile(path) || concernsWorkers(this.#commands(), options.dev)(path),
      onUnwatched: (what) =>
        log.warn({ ...what }, 'changes of some files are not seen: they cannot be watched'),
    })
    this.ready = this.#watch.ready
  }

  /** Says that a pool waits for a change, once for all workers that fail after the same change or reset. */
  sayHeld({ pool, workers }: HeldPool): void {
    const before = this.#heldWorkers.get(pool) ?? Number.POSITIVE_INFINITY
    this.#heldWorkers.set(pool, workers)
    // While more and more of them fail, it is the same wait.
    if (workers > before) return
    this.#log.warn({ pool }, 'no worker could boot: waiting for a file change (or `rr reset`)')
  }

  /** Restarts the workers, unless only files changed that the server read at its start. */
  apply(paths: readonly string[]): void {
    this.#heldWorkers.clear()
    const ofStart = paths.filter((path) => this.#isStartFile(path))
    for (const path of ofStart)
      this.#log.warn({ path }, 'this file is read at the start only: start rr dev anew to apply the change')
    const last = paths.filter((path) => !ofStart.includes(path)).at(-1)
    if (last === undefined) return
    const more = paths.length - ofStart.length - 1
    const pools = this.#options.pools.all()
    const facts = {
      path: last,
      ...(more > 0 ? { more } : {}),
      pools: pools.map(({ name }) => name).join(','),
    }
    this.#log.info(facts, 'a file changed, restarting the workers')
    // A reset that fails says so itself.
    for (const pool of pools) void pool.reset().catch(() => undefined)
  }

  close(): void {
    this.#watch.close()
  }

  #commands(): readonly string[] {
    return this.#options.pools.all().map(({ command }) => command)
  }

  #isStartFile(path: string): boolean {
    const { cwd, files, plugins } = this.#options.plan
    const file = resolve(cwd, path)
    return files.includes(file) || plugins.some((plugin) => plugin.file === file)
  }
}
