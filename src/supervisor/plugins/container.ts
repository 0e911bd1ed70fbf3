/**
 * Runs plugins through their life: set up level by level, serve all at once, drain and stop in reverse. A fault at any step
 * undoes exactly what was done, the half-built plugin included, and no failure hides another.
 */
import type { Clock } from '../../core/clock.js'
import { ErrorCode, messageOf, RelayError } from '../../core/errors.js'
import { Scope } from '../../core/scope.js'
import type { Logger } from '../../logging/logger.js'
import { runningFault } from './check.js'
import { type PluginLife, providedKeys } from './definition.js'
import { keyText, type ServiceKey } from './keys.js'
import type { PluginSource } from './load.js'
import { planPlugins } from './plan.js'
import { ServiceRegistry } from './registry.js'

/** A plugin with its validated section. */
export interface LoadedPlugin extends PluginSource {
  readonly config: unknown
}

/** The `file` of plugins that need none: their faults speak for themselves. */
export const builtInFile = '(built-in)'

/** One row of `rr plugins`. */
export interface PluginInfo {
  readonly name: string
  readonly version: string | undefined
  readonly file: string
  /** Counts from 0. */
  readonly level: number
  readonly setupMs: number
}

/** What a container is made of. */
export interface ContainerOptions {
  /** In listing order. */
  readonly plugins: readonly LoadedPlugin[]
  /** Services of the host, by key. */
  readonly services: readonly (readonly [ServiceKey<unknown>, unknown])[]
  readonly clock: Clock
  readonly log: Logger
  readonly env: Readonly<Record<string, string | undefined>>
  /** A plugin's `serve` threw, once it had begun. */
  readonly onFault: (error: Error) => void
}

/** What set-up gave back, checked. */
interface Running extends PluginLife {
  readonly service?: unknown
  readonly services?: readonly (readonly [ServiceKey<unknown>, unknown])[]
}

interface Built {
  readonly loaded: LoadedPlugin
  readonly scope: Scope
  running: Running
  serving: Promise<void> | undefined
}

const stepMsDefault = 30_000

/** The plugins of one server. */
export class Container {
  readonly #options: ContainerOptions
  readonly #services = new ServiceRegistry()
  readonly #built: Built[] = []
  readonly #infos: PluginInfo[] = []
  readonly #serving = new AbortController()

  constructor(options: ContainerOptions) {
    this.#options = options
    for (const [key, service] of options.services) this.#services.add(key, 'server', service)
  }

  /** Sets all up, then lets all serve. On a fault it undoes everything and rejects with the fault. */
  async start(): Promise<void> {
    const { plugins } = this.#options
    const byPlugin = new Map(plugins.map((loaded) => [loaded.plugin, loaded]))
    const plan = planPlugins(
      plugins.map((loaded) => loaded.plugin),
      this.#services.keys(),
    )
    try {
      for (const [level, members] of plan.entries()) {
        for (const plugin of members) {
          const loaded = byPlugin.get(plugin)
          if (loaded !== undefined) await this.#setUp(loaded, level)
        }
      }
    } catch (error) {
      for (const failure of await this.stop())
        this.#options.log.error({ error: failure }, 'undoing the set-up failed')
      throw error
    }
    for (const built of this.#built) this.#serve(built)
  }

  /** In the order of set-up. */
  list(): readonly PluginInfo[] {
    return this.#infos
  }

  /** The service of a key, if somebody provides it. */
  service<T>(key: ServiceKey<T>): T | undefined {
    return this.#services.find(key) as T | undefined
  }

  /** Reverse order: sources stop taking work in. `graceMs` is what running work may take at least. */
  async drain(graceMs: number): Promise<readonly Error[]> {
    const faults: Error[] = []
    for (const built of [...this.#built].reverse()) {
      const { drain } = built.running
      if (drain === undefined) continue
      const limitMs = Math.max(graceMs, built.loaded.plugin.timeouts.drainMs ?? stepMsDefault)
      // The plugin is told when the grace is over, and has a moment to act on it before it is given up.
      const signal = new AbortController()
      const timer = this.#options.clock.timer(Math.max(graceMs, 1), () => signal.abort())
      faults.push(
        ...(await this.#step(built, 'drain', limitMs, () => drain.call(built.running, signal.signal))),
      )
      timer.clear()
    }
    return faults
  }

  /** Reverse order: `serve` is told to end, then what set-up deferred is undone. Resolves with every failure. */
  async stop(): Promise<readonly Error[]> {
    const faults: Error[] = []
    this.#serving.abort()
    for (let built = this.#built.pop(); built !== undefined; built = this.#built.pop()) {
      const { scope, serving, loaded } = built
      const limitMs = loaded.plugin.timeouts.stopMs ?? stepMsDefault
      const inner: Error[] = []
      const undo = async () => {
        await serving
        inner.push(...(await scope.close()))
      }
      faults.push(...(await this.#step(built, 'stop', limitMs, undo)))
      for (const error of inner)
        faults.push(this.#fault(ErrorCode.PluginStop, loaded, 'failed to stop', error))
    }
    return faults
  }

  async #setUp(loaded: LoadedPlugin, level: number): Promise<void> {
    const { plugin } = loaded
    const { clock, log, env } = this.#options
    const scope = new Scope()
    const built: Built = { loaded, scope, running: {}, serving: undefined }
    // Registered before it is set up: a half-built plugin is undone like a whole one.
    this.#built.push(built)
    const startedAt = clock.monotonicMs()
    const needs = Object.fromEntries(
      Object.entries(plugin.needs).map(([name, key]) => [name, this.#services.find(key)]),
    )
    const context = {
      config: loaded.config,
      needs,
      env,
      clock,
      log: log.named(plugin.name),
      defer: (undo: () => unknown) => scope.defer(undo),
    }
    let result: unknown
    try {
      const limitMs = plugin.timeouts.setupMs ?? stepMsDefault
      result = await this.#within(limitMs, loaded, 'set-up', async () => plugin.setup(context))
    } catch (error) {
      if (loaded.file === builtInFile && error instanceof RelayError) throw error
      throw this.#fault(ErrorCode.PluginSetup, loaded, 'failed to set up', error)
    }
    this.#take(built, result)
    const setupMs = clock.monotonicMs() - startedAt
    this.#infos.push({ name: plugin.name, version: loaded.version, file: loaded.file, level, setupMs })
  }

  /** Checks what set-up gave back, and makes its services known. */
  #take(built: Built, result: unknown): void {
    const { plugin } = built.loaded
    const keys = providedKeys(plugin)
    const fault = runningFault(result, keys.map(keyText), Array.isArray(plugin.provides))
    if (fault !== undefined) throw this.#fault(ErrorCode.PluginApi, built.loaded, fault)
    built.running = isRunning(result) ? result : {}
    const { service, services = keys.map((key) => [key, service] as const) } = built.running
    for (const [key, own] of services) this.#services.add(key, plugin.name, own)
  }

  #serve(built: Built): void {
    const { serve } = built.running
    if (serve === undefined) return
    const { signal } = this.#serving
    built.serving = (async () => serve.call(built.running, signal))().catch((error: unknown) => {
      if (signal.aborted) {
        this.#options.log.debug(
          { plugin: built.loaded.plugin.name, error },
          'a plugin ended its service with a fault',
        )
        return
      }
      const isOurs = built.loaded.file === builtInFile && error instanceof RelayError
      this.#options.onFault(
        isOurs ? error : this.#fault(ErrorCode.PluginServe, built.loaded, 'failed to serve', error),
      )
    })
  }

  async #step(built: Built, step: string, limitMs: number, run: () => unknown): Promise<readonly Error[]> {
    try {
      await this.#within(limitMs, built.loaded, step, async () => run())
      return []
    } catch (error) {
      if (error instanceof RelayError && error.code === ErrorCode.PluginTimeout) return [error]
      return [this.#fault(ErrorCode.PluginStop, built.loaded, `failed to ${step}`, error)]
    }
  }

  #within<T>(limitMs: number, loaded: LoadedPlugin, step: string, run: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = this.#options.clock.timer(limitMs, () =>
        reject(
          this.#fault(ErrorCode.PluginTimeout, loaded, `did not finish its ${step} within ${limitMs} ms`),
        ),
      )
      run()
        .then(resolve, reject)
        .finally(() => timer.clear())
    })
  }

  #fault(code: ErrorCode, loaded: LoadedPlugin, what: string, cause?: unknown): RelayError {
    const version = loaded.version === undefined ? '' : `, version ${loaded.version}`
    const why = cause === undefined ? '' : `: ${messageOf(cause)}`
    return new RelayError(code, `plugin "${loaded.plugin.name}" (${loaded.file}${version}) ${what}${why}`, {
      hint: 'The fault is in the plugin; the server stops what it had started.',
      ...(cause === undefined ? {} : { cause }),
    })
  }
}

function isRunning(value: unknown): value is Running {
  return typeof value === 'object' && value !== null
}
