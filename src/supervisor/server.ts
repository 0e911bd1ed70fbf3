/**
 * The phases of one server, in order, in one place: folder → control socket → plugins → workers; and back. It is handed
 * values and functions only: it knows no YAML, prints nothing, and leaves the exit code to `cmd/`.
 */
import { existsSync } from 'node:fs'
import type { Clock } from '../core/clock.js'
import { deferred } from '../core/deferred.js'
import { ErrorCode, messageOf, RelayError } from '../core/errors.js'
import type { Random } from '../core/random.js'
import type { Logger } from '../logging/logger.js'
import type { WorkerLine } from '../logging/worker-lines.js'
import type { Platform } from '../platform/platform.js'
import { ChildTools } from './child-tools.js'
import {
  openRootFolder,
  privateFolderPath,
  rootFolderPath,
  type ServerIdentity,
} from './folder/private-folder.js'
import { InFlightLedger } from './ledger.js'
import { LiveState } from './live/live-state.js'
import { QueueStates } from './live/queue-states.js'
import { Container } from './plugins/container.js'
import type { Announcement, RunMode } from './plugins/definition.js'
import { all, type ServiceKey } from './plugins/keys.js'
import type { LoadedPlugin } from './plugins/load.js'
import { PerPlugin } from './plugins/registry.js'
import { type BootFault, summaryOf } from './pool/boot/boot-worker.js'
import { noWorkerText } from './pool/boot/failed-start.js'
import type { HeldPool, WorkerBoot } from './pool/pool.js'
import { PoolsHost } from './pools-host.js'
import { ProcessesHost } from './processes/host.js'
import type { ProcessesService } from './processes/processes.js'
import { type CheckInput, ControlSockets } from './rpc/control-sockets.js'
import { registerServerMethods } from './rpc/methods.js'
import type { RpcService } from './rpc/procedure.js'
import type { HostSettings } from './sections.js'
import type { ServerLog } from './server-log.js'
import {
  ClockKey,
  Ledger,
  LiveStateKey,
  Log,
  Pools,
  type PoolsService,
  Processes,
  Readiness,
  Rpc,
} from './services.js'
import type { EarlyChildren } from './worker/os/early.js'
import { standardUseOf } from './worker/os/standard-fifos.js'

/** Options of a server. */
export interface ServerOptions {
  /** Plugins in listing order, each with its validated section. */
  readonly plugins: readonly LoadedPlugin[]
  readonly mode: RunMode
  readonly settings: HostSettings
  /** Identity of the server, from which its private folder is named. */
  readonly identity: ServerIdentity
  readonly cwd: string
  readonly env: Readonly<Record<string, string | undefined>>
  readonly platform: Platform
  readonly version: string
  readonly clock: Clock
  /** Time of the plugins, where it is another than the server's. */
  readonly pluginClock?: Clock
  readonly random: Random
  readonly log: ServerLog
  /** Children that were started before the server was there. */
  readonly early?: Pick<EarlyChildren, 'take' | 'takeFifo' | 'discard'> | undefined
  readonly splitCommand: (text: string) => readonly string[]
  readonly checkInput: CheckInput
  /** Workers that fail to boot with the same words are told once. */
  readonly tellsBootsOnce?: boolean
  /** Called when a pool of which no worker has ever booted waits for a reset; without it the pool keeps trying. */
  readonly onHeld?: ((held: HeldPool) => void) | undefined
  /** Returns the configuration in force, with secrets masked; without it clients are told of none. */
  readonly config?: () => Promise<object>
  /** Called when a client asks the server to stop. */
  readonly onStopAsked: () => void
}

// A worker in PHP is ready then, and its first event asked for.
const openMs = 20

/** Results of the first boots, pool by pool. */
export type Boots = ReadonlyMap<string, readonly WorkerBoot[]>

/** A running server. */
export class Server {
  readonly pools: PoolsHost
  readonly rpc: ControlSockets
  readonly #ledger: InFlightLedger
  readonly #live: LiveState
  readonly #children: ChildTools
  readonly #processes: ProcessesHost
  readonly #options: ServerOptions
  readonly #log: Logger
  readonly #container: Container
  /** True until the private folder is claimed by a server that boots its first workers before. */
  #isClosed: boolean
  #opening: Promise<void> = Promise.resolve()
  #isStopping = false
  readonly #failed = deferred<Error>()
  /** Never rejects; resolves with the fault of a plugin that ended the service. */
  readonly failed = this.#failed.promise

  constructor(options: ServerOptions) {
    const { clock, random, log, env, platform, version, cwd, identity, splitCommand, checkInput } = options
    const { pluginClock = clock } = options
    this.#options = options
    this.#log = log.named('server')
    this.#isClosed = opensLate(options)
    this.rpc = new ControlSockets({ identity, version, cwd, checkInput, clock, log: log.named('rpc') })
    this.#ledger = new InFlightLedger({ clock, log: log.named('ledger') })
    const folder = privateFolderPath(identity)
    const isLate = this.#isClosed
    this.#children = new ChildTools({
      folder: isLate ? rootFolderPath(identity.uid) : folder,
      log: log.named('pool'),
      isSparing: platform.watchdogCount === 1,
      isLate,
      takeFifo: isLate ? () => options.early?.takeFifo() : undefined,
    })
    const common = {
      server: options.settings.server,
      children: this.#children,
      cwd,
      env,
      platform,
      clock,
      splitCommand,
      writeLine: (line: WorkerLine) => log.workerLine(line),
      lineBytesMax: () => log.lineBytesMax,
      pacer: log.pacer,
    }
    this.#processes = new ProcessesHost({ ...common, log: log.named('process') })
    this.pools = new PoolsHost({
      ...common,
      declared: options.settings.pools,
      startsFirst: isLate,
      early: isLate ? options.early : undefined,
      onRest: () => this.#open(),
      ledger: this.#ledger,
      folder,
      version,
      random,
      log: log.named('pool'),
      rpcAddress: () => this.rpc.address,
      ...(options.tellsBootsOnce === undefined ? {} : { tellsBootsOnce: options.tellsBootsOnce }),
      onHeld: options.onHeld,
    })
    const facts = { version, path: identity.path, isStopping: () => this.#isStopping }
    const queues = () => this.#container.service(all(QueueStates)) ?? new Map()
    this.#live = new LiveState({
      ...facts,
      lines: log.recent,
      clock,
      pools: this.pools,
      queues,
      ledger: this.#ledger,
    })
    this.#container = new Container({
      plugins: options.plugins,
      services: [
        [Pools, new PerPlugin<PoolsService>((defer) => this.pools.forPlugin(defer))],
        [Processes, new PerPlugin<ProcessesService>((defer) => this.#processes.forPlugin(defer))],
        [Rpc, new PerPlugin<RpcService>((defer) => this.rpc.forPlugin(defer))],
        [Log, log],
        [ClockKey, pluginClock],
        [Ledger, this.#ledger],
        [LiveStateKey, this.#live],
        [Readiness, { waitsFor: () => this.#waitsFor() }],
      ],
      clock: pluginClock,
      log,
      env,
      mode: options.mode,
      onFault: (error) => this.#failed.resolve(error),
    })
  }

  /** Starts the server. On a fault, undoes everything before it rejects. */
  async start(): Promise<void> {
    const { settings, log } = this.#options
    registerServerMethods(this.rpc, {
      pools: this.pools,
      ledger: () => this.#ledger.view(),
      live: this.#live,
      plugins: () => this.#container.list(),
      recentLines: log.recent,
      pid: process.pid,
      version: this.#options.version,
      path: this.#options.identity.path,
      config: this.#options.config ?? (async () => ({})),
      isStopping: () => this.#isStopping,
      stop: this.#options.onStopAsked,
    })
    try {
      if (this.#isClosed) openRootFolder(this.#options.identity.uid)
      else await this.rpc.open()
      if (!this.#isClosed) this.#options.early?.discard()
      log.configure(settings.logs)
      await this.rpc.configure(settings.rpc)
      await this.#runOnInit()
      await this.#container.start()
      this.pools.openDeclared()
      // Workers that boot longer may call RPC meanwhile.
      if (this.#isClosed) this.#options.clock.timer(openMs, () => this.#open())
    } catch (error) {
      this.kill()
      await this.#end(0)
      throw error
    }
  }

  /** Resolves when every first boot has ended; rejects with RR_WORKER_BOOT when no worker booted. */
  async booted(): Promise<Boots> {
    const pools = this.pools.all()
    const boots = await Promise.all(pools.map(async (pool) => [pool.name, await pool.booted] as const))
    const all = boots.flatMap(([, list]) => list)
    if (all.length > 0 && all.every((boot) => boot.fault !== undefined)) throw noWorker(all)
    return new Map(boots)
  }

  /**
   * Stops sources, then running jobs within `destroy_timeout`, then workers, then the rest. Resolves with every failure.
   */
  async stop(): Promise<readonly Error[]> {
    const { clock } = this.#options
    this.#isStopping = true
    const startedAt = clock.monotonicMs()
    const graceMs = this.pools.destroyMsMax
    const faults = await this.#container.drain(graceMs)
    for (const error of faults) this.#log.error({ error }, 'a plugin failed to drain')
    return [...faults, ...(await this.#end(clock.monotonicMs() - startedAt))]
  }

  /** Lists the announcements of plugins for the banner. */
  announced(): readonly Announcement[] {
    return this.#container.announced()
  }

  /** A service that a plugin provides. */
  service<T>(key: ServiceKey<T>): T | undefined {
    return this.#container.service(key)
  }

  /** Lets sources stop taking work and answer what they hold, within `graceMs`: the first half of `stop`. */
  drain(graceMs: number): Promise<readonly Error[]> {
    this.#isStopping = true
    return this.#container.drain(graceMs)
  }

  /** SIGKILL to every worker and process, now. */
  kill(): void {
    this.pools.kill()
    this.#processes.kill()
  }

  /** Kills every worker and process, and resolves when they and the watchdog have been reaped. */
  async killAndReap(): Promise<void> {
    this.kill()
    await Promise.all([this.pools.stop(0), this.#processes.stop()])
    await this.#children.close()
  }

  /** Claims the private folder, where that is still to be done. */
  #open(): void {
    if (!this.#isClosed || this.#isStopping) return
    this.#isClosed = false
    // The first workers have been begun: what they did not take over was started for another configuration.
    this.#options.early?.discard()
    this.#opening = this.rpc.open().catch(this.#failed.resolve)
  }

  /** Runs `server.on_init` to its end. Rejects with RR_WORKER_COMMAND, or when its failure is to end the start. */
  async #runOnInit(): Promise<void> {
    const { server } = this.#options.settings
    if (server.on_init === undefined) return
    const { command, exec_timeout: runMsMax, exit_on_error: isFatal, user, env } = server.on_init
    const undos: (() => unknown)[] = []
    const processes = this.#processes.forPlugin((undo) => undos.push(undo))
    const keys = user === undefined || user === '' ? {} : { keys: { user } }
    const run = {
      name: 'on_init',
      command,
      env: { ...server.env, ...env },
      restart: 'never',
      runMsMax,
    } as const
    const { code, signal } = await (await processes.start({ ...run, ...keys })).ended
    for (const undo of undos) await undo()
    if (code === 0) return
    const why = signal === null ? `code ${code}` : signal
    if (isFatal)
      throw new RelayError(ErrorCode.WorkerCommand, `server.on_init ended with ${why}`, {
        hint: 'Its lines in the log say why. Without `exit_on_error` the server starts all the same.',
      })
    this.#log.warn({ code, signal }, 'server.on_init failed')
  }

  async #waitsFor(): Promise<readonly string[]> {
    if (this.#isStopping) return ['stop']
    const empty = this.pools.all().filter((pool) => pool.liveCount === 0)
    const plugins = await this.#container.unready()
    return [...empty.map(({ name }) => `pool ${name}`), ...plugins.map((name) => `plugin ${name}`)]
  }

  async #end(usedMs: number): Promise<readonly Error[]> {
    const faults: Error[] = []
    // Pools before plugins: a sink must hear the last jobs. The control socket last: `rr stop` waits on it.
    for (const step of [
      () => this.pools.stop(usedMs),
      () => this.#container.stop(),
      () => this.#children.close(),
      () => this.#opening.then(() => this.rpc.close()),
    ]) {
      try {
        faults.push(...((await step()) ?? []))
      } catch (error) {
        faults.push(error instanceof Error ? error : new Error(messageOf(error)))
      }
    }
    for (const error of faults) this.#log.error({ error }, 'a step of the stop failed')
    return faults
  }
}

/** True where nobody can have been told of the sockets yet: in a new environment, before its first work. */
function opensLate({ platform, settings, identity }: ServerOptions): boolean {
  const isFirst = platform.opensLate && !existsSync(privateFolderPath(identity))
  return isFirst && settings.rpc.listen === '' && standardUseOf(settings.server.relay) !== 'output'
}

function noWorker(boots: readonly WorkerBoot[]): RelayError {
  const [first] = boots
  const fault: BootFault = first?.fault ?? new Error('')
  const error = new RelayError(ErrorCode.WorkerBoot, `${noWorkerText}${fault.message}`, {
    hint: 'Run the worker’s command by hand and see what it says.',
    details: { lastLines: boots.flatMap((boot) => boot.lastLines).slice(-20) },
  })
  return Object.assign(error, { summary: `no worker could boot: ${summaryOf(fault)}` })
}
