/**
 * The one place where pools are built: holds the `server:` and `pools:` values, opens pools for plugins, and gives all of
 * them one watchdog, one relay listener and one set of output FIFOs. The server starts and ends it.
 */
import type { Clock } from '../core/clock.js'
import { ErrorCode, messageOf, RelayError } from '../core/errors.js'
import type { Logger } from '../core/log.js'
import type { Random } from '../core/random.js'
import type { WorkerLine } from '../core/worker-lines.js'
import { openListener, type RelayListener } from '../ipc/listener.js'
import { defaultRelayLimits } from '../ipc/relay.js'
import { autoSize } from './pool/auto-size.js'
import { workerBooter } from './pool/boot.js'
import { readGrant } from './pool/limits.js'
import { OutputFifos } from './pool/output-fifos.js'
import type { ManagedPool, PoolConfig } from './pool/pool.js'
import { ProcessPool } from './pool/process-pool.js'
import { ThreadPool } from './pool/thread-pool.js'
import type { OpenPool, PoolsService, ServerSettings } from './services.js'
import { roadRunnerVersion } from './version.js'
import { readMemoryBudget } from './worker/memory.js'
import { Watchdog } from './worker/watchdog.js'

/** What the host is made of. */
export interface PoolsHostOptions {
  /** The private folder: FIFOs and nothing else of ours. */
  readonly folder: string
  /** Working directory of the workers. */
  readonly cwd: string
  /** The server's environment, which workers inherit. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** RR_RPC. */
  readonly rpcAddress: () => string
  readonly version: string
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  readonly writeLine: (line: WorkerLine) => void
  readonly lineBytesMax: () => number
  /** Splits a command by shell quoting rules; throws on an open quote. */
  readonly splitCommand: (text: string) => readonly string[]
}

const handshakeMsMax = 60_000
// Lambda hands these to the runtime and not to its children: a worker that wrote there would corrupt the log stream.
const ownVariables = /^_LAMBDA_TELEMETRY_LOG_FD/

/** The pools of one server. */
export class PoolsHost implements PoolsService {
  readonly #options: PoolsHostOptions
  readonly #pools = new Map<string, ManagedPool>()
  readonly #destroyMs = new Map<string, number>()
  readonly #fifos: OutputFifos
  #settings: ServerSettings = { command: undefined, relay: 'pipes', env: {} }
  #declared: Readonly<Record<string, PoolConfig>> = {}
  #watchdog: Promise<Watchdog | undefined> | undefined
  #listener: Promise<RelayListener> | undefined

  constructor(options: PoolsHostOptions) {
    this.#options = options
    this.#fifos = new OutputFifos({ folder: options.folder, log: options.log })
  }

  configure(settings: ServerSettings): void {
    this.#settings = settings
  }

  declare(pools: Readonly<Record<string, PoolConfig>>): void {
    this.#declared = pools
  }

  open(pool: PoolConfig | string, options: OpenPool): ManagedPool {
    if (typeof pool !== 'string') return this.#make(options.name, pool, options.mode)
    return this.#pools.get(pool) ?? this.#make(pool, this.#declaredPool(pool), options.mode)
  }

  get(name: string): ManagedPool {
    return this.#pools.get(name) ?? this.#make(name, this.#declaredPool(name), 'jobs')
  }

  names(): readonly string[] {
    return [...new Set([...this.#pools.keys(), ...Object.keys(this.#declared)])]
  }

  async reset(name: string): Promise<void> {
    const pool = this.#pools.get(name)
    if (pool === undefined) throw this.#unknown(name)
    await pool.reset()
  }

  /** The pools that have been opened. */
  all(): readonly ManagedPool[] {
    return [...this.#pools.values()]
  }

  /** Opens the declared pools that no plugin has asked for: they are meant to be warm. */
  openDeclared(): void {
    for (const name of Object.keys(this.#declared)) this.get(name)
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
    const [watchdog, listener] = await Promise.all([this.#watchdog, this.#listener?.catch(() => undefined)])
    watchdog?.close()
    await listener?.close()
  }

  /** SIGKILL to every worker's group, now. */
  kill(): void {
    for (const pool of this.all()) pool.kill()
  }

  #declaredPool(name: string): PoolConfig {
    const config = this.#declared[name]
    if (config === undefined) throw this.#unknown(name)
    return config
  }

  #unknown(name: string): RelayError {
    const known = this.names().join(', ')
    return new RelayError(
      ErrorCode.PoolUnknown,
      `there is no pool "${name}" (pools: ${known === '' ? 'none' : known})`,
      {
        hint: `Declare it under \`pools:\`, or use one that exists.`,
      },
    )
  }

  #make(name: string, config: PoolConfig, mode: string): ManagedPool {
    if (this.#pools.has(name)) {
      throw new RelayError(ErrorCode.PluginDuplicate, `two plugins open a pool of the name "${name}"`)
    }
    const words = this.#words(name, config)
    const grant = readGrant(this.#options.env)
    const size = config.num_workers === 'auto' ? autoSize(grant) : config.num_workers
    const pool =
      config.runtime === 'thread'
        ? new ThreadPool({
            ...this.#options,
            env: this.#environment(mode, 'thread'),
            name,
            size,
            config,
            words,
          })
        : this.#processPool({ name, size, config, words, mode })
    this.#pools.set(name, pool)
    this.#destroyMs.set(name, config.destroy_timeout)
    return pool
  }

  #processPool(about: {
    name: string
    size: number
    config: PoolConfig
    words: readonly string[]
    mode: string
  }) {
    const { name, size, config, words, mode } = about
    const { relay } = this.#settings
    if (relay !== 'pipes') this.#listener ??= this.#listen(relay)
    this.#watchdog ??= this.#startWatchdog()
    this.#fifos.prepare(this.#listener === undefined ? size : 2 * size)
    const boot = workerBooter({
      pool: name,
      words,
      config,
      cwd: this.#options.cwd,
      env: (relayAddress) => this.#environment(mode, relayAddress),
      lineBytesMax: this.#options.lineBytesMax,
      writeLine: this.#options.writeLine,
      fifos: this.#fifos,
      watchdog: this.#watchdog,
      listener: this.#listener,
      ...this.#tools(),
    })
    const budget = () => readMemoryBudget(readGrant(this.#options.env).memoryBytes)
    return new ProcessPool({ name, size, config, boot, command: words.join(' '), budget, ...this.#tools() })
  }

  #tools() {
    const { clock, random, log } = this.#options
    return { clock, random, log }
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

  #environment(mode: string, relayAddress: string): Record<string, string> {
    const inherited = Object.entries(this.#options.env).filter(
      (pair): pair is [string, string] => pair[1] !== undefined && !ownVariables.test(pair[0]),
    )
    return {
      ...Object.fromEntries(inherited),
      RR_RELAY: relayAddress,
      RR_RPC: this.#options.rpcAddress(),
      ...this.#settings.env,
      RR_MODE: mode,
      RR_VERSION: roadRunnerVersion,
      RELAYRUNNER_VERSION: this.#options.version,
    }
  }

  #listen(address: string): Promise<RelayListener> {
    const listener = openListener({
      address: this.#absolute(address),
      ownPid: process.pid,
      handshakeMs: handshakeMsMax,
      limits: defaultRelayLimits,
      ...this.#tools(),
    })
    // Whoever boots a worker awaits it and reports it; until then it must not count as unhandled.
    listener.catch(() => undefined)
    return listener
  }

  #absolute(address: string): string {
    const path = /^unix:\/\/(?!\/)(.*)$/.exec(address)?.[1]
    return path === undefined ? address : `unix://${this.#options.cwd}/${path}`
  }

  async #startWatchdog(): Promise<Watchdog | undefined> {
    const watchdog = new Watchdog({ folder: this.#options.folder, log: this.#options.log })
    try {
      await watchdog.start()
      return watchdog
    } catch (error) {
      this.#options.log.warn({ error: messageOf(error) }, 'no watchdog: workers may outlive a killed server')
      return undefined
    }
  }
}
