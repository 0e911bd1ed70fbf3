/**
 * Asks plugins how they are: those that provide a `Probe` themselves, the others that have workers by their pool. Knows nothing of HTTP
 * or RPC.
 */
import { type Clock, messageOf, type PoolsService, type Probe, type ReadinessService } from '../../index.js'

/** Question that is asked: is the server to be restarted, or does it take work? */
export type Check = 'health' | 'ready'

/** Answer of one plugin. */
export interface PluginReport {
  readonly plugin: string
  readonly isFine: boolean
  /** Empty when it is fine. */
  readonly why: string
}

/** Services that the checks ask. */
export interface ChecksOptions {
  readonly pools: Pick<PoolsService, 'list'>
  readonly probes: ReadonlyMap<string, Probe>
  readonly readiness: ReadinessService
  readonly timeoutMs: number
  readonly clock: Clock
}

const pluginPrefix = 'plugin '

/** The checks of one server. */
export class Checks {
  readonly #options: ChecksOptions

  constructor(options: ChecksOptions) {
    this.#options = options
  }

  /** Asks every plugin, all at the same time. */
  async all(check: Check): Promise<readonly PluginReport[]> {
    const reports = await Promise.all(this.#names().map((name) => this.#ask(name, check)))
    return check === 'health' ? reports : [...reports, ...(await this.#unready(reports))]
  }

  /** Asks one plugin; undefined when there is none of this name that answers checks. */
  async one(name: string, check: Check): Promise<PluginReport | undefined> {
    return this.#names().includes(name) ? this.#ask(name, check) : undefined
  }

  #names(): readonly string[] {
    const { pools, probes } = this.#options
    return [...new Set([...probes.keys(), ...pools.list().flatMap(({ plugins }) => plugins)])]
  }

  async #ask(plugin: string, check: Check): Promise<PluginReport> {
    const probe = this.#options.probes.get(plugin)
    try {
      const isFine = probe === undefined ? this.#hasWorker(plugin) : await this.#within(probe[check]())
      return { plugin, isFine, why: isFine ? '' : reasons[check] }
    } catch (error) {
      return { plugin, isFine: false, why: messageOf(error) }
    }
  }

  /** A busy worker counts: it is neither dead nor a reason to send requests elsewhere. */
  #hasWorker(plugin: string): boolean {
    return this.#options.pools
      .list()
      .filter(({ plugins }) => plugins.includes(plugin))
      .every(({ liveCount }) => liveCount > 0)
  }

  /** Plugins without a probe that say by their own `ready` that they cannot serve. */
  async #unready(asked: readonly PluginReport[]): Promise<readonly PluginReport[]> {
    const waits = await this.#options.readiness.waitsFor()
    return waits
      .filter((what) => what.startsWith(pluginPrefix))
      .map((what) => what.slice(pluginPrefix.length))
      .filter((name) => !asked.some(({ plugin }) => plugin === name))
      .map((plugin) => ({ plugin, isFine: false, why: reasons.ready }))
  }

  async #within(answer: boolean | Promise<boolean>): Promise<boolean> {
    if (typeof answer === 'boolean') return answer
    const { clock, timeoutMs } = this.#options
    let timer: { clear(): void } | undefined
    const late = new Promise<never>((_, reject) => {
      timer = clock.timer(timeoutMs, () => reject(new Error(`no answer within ${timeoutMs / 1000} s`)))
    })
    try {
      return await Promise.race([answer, late])
    } finally {
      timer?.clear()
    }
  }
}

const reasons: Readonly<Record<Check, string>> = {
  health: 'it is not healthy, see the log',
  ready: 'it does not take work, see the log',
}
