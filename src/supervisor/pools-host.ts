/**
 * Builds all pools: holds the `server:` and `pools:` values, opens pools for plugins, and gives all of
 * them one relay listener and the tools of the server's children. The server starts and ends it.
 */
import type { Clock } from '../core/clock.js'
import { ErrorCode, RelayError } from '../core/errors.js'
import type { Random } from '../core/random.js'
import type { Logger } from '../logging/logger.js'
import type { OutputPacer } from '../logging/output-pacer.js'
import type { WorkerLine } from '../logging/worker-lines.js'
import type { Grant, Platform } from '../platform/platform.js'
import type { ChildTools } from './child-tools.js'
import type { InFlightLedger } from './ledger.js'
import { autoSize, descriptorsFor } from './machine/auto-size.js'
import { descriptorsMax, readGrant } from './machine/limits.js'
import { readMemoryBudget } from './machine/memory.js'
import { poolState, poolsForPlugin } from './plugin-pools.js'
import { BootLines } from './pool/boot/boot-lines.js'
import { workerEnvironment } from './pool/boot/environment.js'
import { noWorkerText, repeatsFailedStart } from './pool/boot/failed-start.js'
import { processBoot } from './pool/boot/process-boot.js'
import {
  type ProcessSettings,
  processFault,
  processSettings,
  tellUnreachable,
} from './pool/boot/process-settings.js'
import { threadBoot } from './pool/boot/thread-boot.js'
import { DebugPool } from './pool/debug-pool.js'
import { PoolEmitter } from './pool/events.js'
import { type PoolConfig, workersMax } from './pool/keys.js'
import type { HeldPool, ManagedPool } from './pool/pool.js'
import type { ServerSettings } from './pool/process-keys.js'
import { WorkerPool } from './pool/worker-pool.js'
import { PoolUsers, serverUser } from './pool-users.js'
import { RelayListeners } from './relay-listeners.js'
import type { OpenPool, PoolState, PoolsService } from './services.js'
import { roadRunnerVersion } from './version.js'
import type { EarlyChildren } from './worker/os/early.js'
import { fifoCounts, standardUseOf } from './worker/os/standard-fifos.js'

/** Options of a host. */
export interface PoolsHostOptions {
  /** Values that every pool inherits: the `server:` section. */
  readonly server?: ServerSettings
  /** Named pools that plugins may share: the `pools:` section. Each starts when it is first opened. */
  readonly declared?: Readonly<Record<string, PoolConfig>>
  readonly children: ChildTools
  /** The private folder. */
  readonly folder: string
  /** Working directory of the workers. */
  readonly cwd: string
  /** The server's environment, which workers inherit. */
  readonly env: Readonly<Record<string, string | undefined>>
  readonly platform: Platform
  /** RR_RPC. */
  readonly rpcAddress: () => string
  readonly version: string
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  /** Ledger that records every job with a tag `requestId`. */
  readonly ledger?: InFlightLedger
  readonly writeLine: (line: WorkerLine) => void
  readonly lineBytesMax: () => number
  readonly pacer: OutputPacer
  /** Workers that fail to boot with the same words are told once. */
  readonly tellsBootsOnce?: boolean
  /** Called when a pool of which no worker has ever booted waits for a reset; without it the pool keeps trying. */
  readonly onHeld?: ((held: HeldPool) => void) | undefined
  /** True: workers that boot first do not wait for the watchdog. */
  readonly startsFirst?: boolean
  /** Called when workers that were held back may boot. */
  readonly onRest?: () => void
  /** Children that were started before the server was there. */
  readonly early?: Pick<EarlyChildren, 'take' | 'discard'> | undefined
  /** Splits a command by shell quoting rules; throws on an open quote. */
  readonly splitCommand: (text: string) => readonly string[]
}

/** A pool that is about to be made. */
interface NewPool {
  readonly name: string
  readonly size: number
  readonly config: PoolConfig
  readonly words: readonly string[]
  readonly mode: string
  readonly bootFirst: number | undefined
}

/** The pools of one server. */
export class PoolsHost implements Omit<PoolsService, 'on'> {
  readonly #options: PoolsHostOptions
  readonly #pools = new Map<string, ManagedPool>()
  readonly #users = new PoolUsers()
  readonly #destroyMs = new Map<string, number>()
  readonly #children: ChildTools
  readonly #settings: ServerSettings
  readonly #declared: Readonly<Record<string, PoolConfig>>
  readonly #listeners: RelayListeners
  /** Shared by all pools, so that a listener hears those that open later, too. */
  readonly #events: PoolEmitter

  constructor(options: PoolsHostOptions) {
    this.#options = options
    this.#settings = options.server ?? { command: undefined, relay: 'auto', env: {} }
    this.#declared = options.declared ?? {}
    this.#children = options.children
    this.#events = new PoolEmitter(options.log)
    this.#listeners = new RelayListeners({ folder: options.folder, cwd: options.cwd, ...this.#tools() })
  }

  open(pool: PoolConfig | string, options: OpenPool): ManagedPool {
    if (typeof pool !== 'string') return this.#make(options.name, pool, options)
    const shared = this.#pools.get(pool)
    if (shared === undefined) return this.#make(pool, this.#declaredPool(pool), options)
    this.#users.add(pool, options)
    // Another plugin does not know of workers that are held back.
    if (options.bootFirst === undefined) shared.bootRest()
    return shared
  }

  get(name: string): ManagedPool | undefined {
    const pool = this.#pools.get(name)
    if (pool === undefined) this.#declaredPool(name)
    return pool
  }

  names(): readonly string[] {
    return [...new Set([...this.#pools.keys(), ...Object.keys(this.#declared)])]
  }

  list(): readonly PoolState[] {
    return this.names().map((name) => poolState(name, this.#users.of(name), this.#pools.get(name)))
  }

  /** Returns the pools as one plugin sees them: its listeners are removed by what is handed to `defer`. */
  forPlugin(defer: (undo: () => unknown) => void): PoolsService {
    return poolsForPlugin(this, this.#events, defer)
  }

  async reset(name: string): Promise<void> {
    const pool = this.named(name)
    if (pool === undefined) throw this.#unknown(name)
    await pool.reset()
  }

  async resize(name: string, size: number): Promise<void> {
    const pool = this.named(name)
    if (pool === undefined) throw this.#unknown(name)
    if (!Number.isInteger(size) || size < 1 || size > workersMax)
      throw new RelayError(ErrorCode.PoolSize, `pool "${name}" cannot have ${size} workers`, {
        hint: `A pool has from 1 to ${workersMax} workers.`,
      })
    this.#options.log.info({ pool: name, from: pool.size, to: size }, 'the pool is resized')
    await pool.resize(size)
    this.#checkDescriptors(name)
  }

  /** Finds an open pool by its name, or by that of a plugin that uses it. */
  named(name: string): ManagedPool | undefined {
    return this.#pools.get(name) ?? this.#pools.get(this.#users.poolOf(name) ?? '')
  }

  /** Names of the open pools, and of the plugins that use one. */
  allNames(): readonly string[] {
    return [...new Set([...this.#pools.keys(), ...this.#users.names()])]
  }

  /** The pools that have been opened. */
  all(): readonly ManagedPool[] {
    return [...this.#pools.values()]
  }

  /** Opens the declared pools that no plugin has opened: they are meant to be warm. */
  openDeclared(): void {
    for (const name of Object.keys(this.#declared))
      if (!this.#pools.has(name)) this.open(name, { name: serverUser, mode: 'jobs' })
  }

  /** The longest `destroy_timeout` of the open pools, in ms. */
  get destroyMsMax(): number {
    return Math.max(0, ...this.#destroyMs.values())
  }

  /** Ends every pool, each within its `destroy_timeout`, less what was used up before. */
  async stop(usedMs: number): Promise<void> {
    await Promise.all(
      this.all().map((pool) => pool.stop(Math.max(0, (this.#destroyMs.get(pool.name) ?? 0) - usedMs))),
    )
    await this.#listeners.close()
  }

  /** SIGKILL to every worker's group, now. */
  kill(): void {
    for (const pool of this.all()) pool.kill()
  }

  #declaredPool(name: string): PoolConfig {
    // `constructor` and the like are names of pools here, not properties of every object.
    const config = Object.hasOwn(this.#declared, name) ? this.#declared[name] : undefined
    if (config === undefined) throw this.#unknown(name)
    return config
  }

  #unknown(name: string): RelayError {
    const known = this.names().join(', ')
    return new RelayError(
      ErrorCode.PoolUnknown,
      `there is no pool "${name}" (pools: ${known === '' ? 'none' : known})`,
      {
        hint: `Declare it, e.g. \`pools: { NAME: { num_workers: 4 } }\`. To share the workers of a plugin's section, set its \`pool\` to that name.`,
      },
    )
  }

  #make(name: string, config: PoolConfig, options: OpenPool): ManagedPool {
    if (this.#pools.has(name)) {
      throw new RelayError(ErrorCode.PluginDuplicate, `two plugins open a pool of the name "${name}"`)
    }
    const words = this.#words(name, config)
    const size = config.num_workers === 'auto' ? autoSize(this.#grant()) : config.num_workers
    const { mode, bootFirst } = options
    const { debug: isDebug } = config
    const about = {
      name,
      size: isDebug ? 0 : size,
      config,
      words,
      mode,
      bootFirst: isDebug ? undefined : bootFirst,
    }
    const workers = config.runtime === 'thread' ? this.#threadPool(about) : this.#processPool(about)
    const pool = isDebug ? new DebugPool({ workers, size, config, clock: this.#options.clock }) : workers
    this.#pools.set(name, pool)
    this.#users.add(name, options)
    if (config.runtime === 'process') this.#checkDescriptors(name)
    this.#destroyMs.set(name, config.destroy_timeout)
    return pool
  }

  /**
   * Warns when there are too few descriptors for the workers: without them boots, sockets and logs fail with misleading
   * errors.
   */
  #checkDescriptors(pool: string): void {
    const workers = this.all().reduce((sum, { size }) => sum + size, 0)
    const [needed, limit] = [descriptorsFor(workers), descriptorsMax()]
    if (needed <= limit) return
    const hint = 'Lower `num_workers`, or raise the limit (`ulimit -n`) where that is possible.'
    this.#options.log.warn({ pool, workers, needed, limit, hint }, 'too few descriptors for so many workers')
  }

  #threadPool(about: NewPool): WorkerPool {
    const { name, config, mode } = about
    const fault = processFault(name, config)
    if (fault !== undefined) throw fault
    const { cwd, writeLine, lineBytesMax, pacer } = this.#options
    const env = this.#environment(mode, { relayAddress: 'thread', env: config.env })
    const lines = this.#bootLines()
    const parts = { ...about, ...this.#tools(), lines }
    const boot = threadBoot({ ...parts, pool: name, env, cwd, writeLine, lineBytesMax, pacer })
    return new WorkerPool({ ...parts, ...boot, command: about.words.join(' ') })
  }

  #processPool(about: NewPool): WorkerPool {
    const { name, size, config, words, mode, bootFirst } = about
    const { relay } = this.#settings
    const { cwd: folder, env } = this.#options
    const settings = processSettings(name, { pool: config, server: this.#settings, folder, env })
    const standardUse = standardUseOf(relay)
    const listener =
      standardUse === 'output' ? this.#listeners.open(relay, settings.launch.identity) : undefined
    const watchdog = this.#children.watchdog()
    const startsFirst = this.#options.startsFirst === true && bootFirst !== undefined
    if (!startsFirst) this.#children.fifos.prepare(size * fifoCounts[standardUse])
    tellUnreachable(name, settings, this.#options)
    const lines = this.#bootLines()
    const boot = processBoot({
      pool: name,
      lines,
      words,
      config,
      cwd: settings.cwd,
      settings: settings.launch,
      env: (relayAddress) => this.#environment(mode, { relayAddress, settings, env: config.env }),
      lineBytesMax: this.#options.lineBytesMax,
      pacer: this.#options.pacer,
      writeLine: this.#options.writeLine,
      fifos: this.#children.fifos,
      watchdog,
      listener,
      standardUse,
      needsFifos: relay === 'fifo',
      startsFirst,
      early: startsFirst ? this.#options.early : undefined,
      ...this.#tools(),
    })
    const facts = { command: words.join(' '), identity: settings.launch.identity }
    return new WorkerPool({ name, size, config, bootFirst, ...facts, ...boot, lines, ...this.#tools() })
  }

  #bootLines(): BootLines | undefined {
    const { tellsBootsOnce, clock, writeLine, env } = this.#options
    if (tellsBootsOnce !== true) return undefined
    const isKnown = (message: string) => repeatsFailedStart(`${noWorkerText}${message}`, env)
    return new BootLines({ clock, writeLine, isKnown })
  }

  #tools() {
    const { clock, random, log, ledger, onHeld, onRest } = this.#options
    const budget = () => readMemoryBudget(this.#grant().memoryBytes)
    const events = this.#events
    return { clock, random, log, budget, onHeld, onRest, events, ...(ledger === undefined ? {} : { ledger }) }
  }

  #grant(): Grant {
    return this.#options.platform.grant ?? readGrant()
  }

  #words(name: string, config: PoolConfig): readonly string[] {
    const command =
      config.command === undefined || config.command === '' ? this.#settings.command : config.command
    const words = typeof command === 'string' ? this.#options.splitCommand(command) : (command ?? [])
    if (words.length > 0) return words
    throw new RelayError(ErrorCode.WorkerCommand, `pool "${name}" has no command`, {
      hint: 'Set `server.command`, or `command` in the pool, e.g. command: "php worker.php".',
    })
  }

  #environment(
    mode: string,
    about: { relayAddress: string; settings?: ProcessSettings; env: Readonly<Record<string, string>> },
  ): Record<string, string> {
    const { relayAddress, settings, env } = about
    return workerEnvironment({
      inherited: this.#options.env,
      platform: this.#options.platform,
      allow: settings?.envAllow,
      account: settings?.launch.identity?.account,
      addresses: { RR_RELAY: relayAddress, RR_RPC: this.#options.rpcAddress() },
      set: [this.#settings.env, env],
      fixed: {
        RR_MODE: mode,
        RR_VERSION: roadRunnerVersion,
        RELAYRUNNER_VERSION: this.#options.version,
      },
    })
  }
}
