/**
 * Runs plugins through their life: set up level by level, serve all at once, drain and stop in reverse. A fault at any step
 * undoes exactly what was done, the half-built plugin included, and no failure hides another.
 */
import type { Clock } from '../../core/clock.js'
import { ErrorCode, hasCode } from '../../core/errors.js'
import { Scope } from '../../core/scope.js'
import type { Logger } from '../../logging/logger.js'
import { runningFault } from './check.js'
import { type Announcement, type PluginLife, providedKeys, type RunMode } from './definition.js'
import { keyText, type ServiceKey } from './keys.js'
import type { LoadedPlugin } from './load.js'
import { planPlugins } from './plan.js'
import { ServiceRegistry } from './registry.js'
import { pluginError, speaksForItself, stepMsDefault, within } from './steps.js'

/** One row of `rr plugins`. */
export interface PluginInfo {
  readonly name: string
  readonly version: string | undefined
  readonly file: string
  /** Counts from 0. */
  readonly level: number
  readonly setupMs: number
}

/** Options of a container. */
export interface ContainerOptions {
  /** Plugins in listing order. */
  readonly plugins: readonly LoadedPlugin[]
  /** Services of the host, by key. */
  readonly services: readonly (readonly [ServiceKey<unknown>, unknown])[]
  readonly mode: RunMode
  readonly clock: Clock
  readonly log: Logger
  readonly env: Readonly<Record<string, string | undefined>>
  /** A plugin's `serve` threw, once it had begun. */
  readonly onFault: (error: Error) => void
}

/** Checked result of set-up. */
interface Running extends PluginLife {
  readonly service?: unknown
  readonly services?: readonly (readonly [ServiceKey<unknown>, unknown])[]
}

interface Built {
  readonly loaded: LoadedPlugin
  readonly level: number
  readonly scope: Scope
  readonly announced: Announcement[]
  running: Running
  serving: Promise<void> | undefined
}

const readyMsMax = 1000

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

  /** Sets up all plugins, then lets all serve. On a fault it undoes everything and rejects with the fault. */
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

  /** Lists the plugins in the order of their set-up. */
  list(): readonly PluginInfo[] {
    return this.#infos
  }

  /** Lists the announcements of plugins, the last set up first: sources of work before the services they pull from. */
  announced(): readonly Announcement[] {
    return [...this.#built].reverse().flatMap(({ announced }) => announced)
  }

  /** Names of the plugins whose `ready` is not true, throws, or takes over 1 s. */
  async unready(): Promise<readonly string[]> {
    const answers = this.#built.map(async ({ loaded: source, running }) => {
      const limit = { source, step: 'ready', limitMs: readyMsMax, clock: this.#options.clock }
      const isReady = await within(limit, () => running.ready?.() ?? true).catch(() => false)
      return isReady === true ? [] : [source.plugin.name]
    })
    return (await Promise.all(answers)).flat()
  }

  /** Returns the service of a key; undefined when no plugin provides it. */
  service<T>(key: ServiceKey<T>): T | undefined {
    return this.#services.find(key) as T | undefined
  }

  /**
   * Stops all plugins taking work at once; then running work ends level by level in reverse order, in parallel within a
   * level. The work of a level has at least `graceMs`.
   */
  async drain(graceMs: number): Promise<readonly Error[]> {
    const faults: Error[] = []
    const built = [...this.#built].reverse()
    const stopped = new Map(built.map((one) => [one, this.#stopTaking(one, graceMs)]))
    const end = async (one: Built) => {
      faults.push(...((await stopped.get(one)) ?? []))
      faults.push(...(await this.#drain(one, graceMs)))
    }
    for (const level of new Set(built.map((one) => one.level)))
      await Promise.all(built.filter((one) => one.level === level).map(end))
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
        faults.push(pluginError(ErrorCode.PluginStop, loaded, 'failed to stop', error))
    }
    return faults
  }

  async #setUp(loaded: LoadedPlugin, level: number): Promise<void> {
    const { plugin } = loaded
    const { clock } = this.#options
    const built: Built = {
      loaded,
      level,
      scope: new Scope(),
      announced: [],
      running: {},
      serving: undefined,
    }
    // Registered before it is set up: a half-built plugin is undone like a whole one.
    this.#built.push(built)
    const startedAt = clock.monotonicMs()
    const limitMs = plugin.timeouts.setupMs ?? stepMsDefault
    let result: unknown
    try {
      const limit = { source: loaded, step: 'set-up', limitMs, clock }
      result = await within(limit, () => plugin.setup(this.#context(built)))
    } catch (error) {
      if (speaksForItself(loaded, error)) throw error
      throw pluginError(ErrorCode.PluginSetup, loaded, 'failed to set up', error)
    }
    this.#take(built, result)
    const setupMs = clock.monotonicMs() - startedAt
    this.#infos.push({ name: plugin.name, version: loaded.version, file: loaded.file, level, setupMs })
  }

  #context({ loaded, scope, announced }: Built) {
    const { mode, clock, log, env } = this.#options
    const { plugin, config } = loaded
    const defer = (undo: () => unknown) => scope.defer(undo)
    const needs = Object.entries(plugin.needs).map(([name, key]) => [name, this.#services.find(key, defer)])
    return {
      config,
      needs: Object.fromEntries(needs),
      mode,
      env,
      clock,
      log: log.named(plugin.name),
      defer,
      announce: (place: Announcement) => void announced.push(place),
    }
  }

  /** Checks what set-up gave back, and makes its services known. */
  #take(built: Built, result: unknown): void {
    const { plugin } = built.loaded
    const keys = providedKeys(plugin)
    const fault = runningFault(result, keys.map(keyText), Array.isArray(plugin.provides))
    if (fault !== undefined) throw pluginError(ErrorCode.PluginApi, built.loaded, fault)
    built.running = isRunning(result) ? result : {}
    const { service, services = keys.map((key) => [key, service] as const) } = built.running
    for (const [key, own] of services) this.#services.add(key, plugin.name, own)
  }

  #serve(built: Built): void {
    const { running, loaded } = built
    const { log, onFault } = this.#options
    if (running.serve === undefined) return
    const { signal } = this.#serving
    built.serving = (async () => running.serve?.(signal))().catch((error: unknown) => {
      if (signal.aborted) {
        log.debug({ plugin: loaded.plugin.name, error }, 'a plugin ended its service with a fault')
        return
      }
      const isWorded = speaksForItself(loaded, error)
      onFault(isWorded ? error : pluginError(ErrorCode.PluginServe, loaded, 'failed to serve', error))
    })
  }

  #stopTaking(built: Built, graceMs: number): Promise<readonly Error[]> {
    return this.#step(built, 'stopTaking', drainLimitMs(built, graceMs), () => built.running.stopTaking?.())
  }

  async #drain(built: Built, graceMs: number): Promise<readonly Error[]> {
    const { running } = built
    if (running.drain === undefined) return []
    // The plugin is told when the grace is over, and has a moment to act on it before it is given up.
    const over = new AbortController()
    const timer = this.#options.clock.timer(Math.max(graceMs, 1), () => over.abort())
    const run = () => running.drain?.(over.signal)
    const faults = await this.#step(built, 'drain', drainLimitMs(built, graceMs), run)
    timer.clear()
    return faults
  }

  async #step(built: Built, step: string, limitMs: number, run: () => unknown): Promise<readonly Error[]> {
    const source = built.loaded
    try {
      await within({ source, step, limitMs, clock: this.#options.clock }, run)
      return []
    } catch (error) {
      if (error instanceof Error && hasCode(error, ErrorCode.PluginTimeout)) return [error]
      return [pluginError(ErrorCode.PluginStop, source, `failed to ${step}`, error)]
    }
  }
}

function drainLimitMs({ loaded }: Built, graceMs: number): number {
  return Math.max(graceMs, loaded.plugin.timeouts.drainMs ?? stepMsDefault)
}

function isRunning(value: unknown): value is Running {
  return typeof value === 'object' && value !== null
}
