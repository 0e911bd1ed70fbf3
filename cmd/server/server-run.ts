/** One run of a server, from the configuration to its end: does what the table of `life.ts` says. */
import { checkInput } from '../../config/validation/check-input.js'
import { assert } from '../../src/core/assert.js'
import { AwakeClock } from '../../src/core/awake-clock.js'
import { type Clock, systemClock } from '../../src/core/clock.js'
import { commandWords } from '../../src/core/command-words.js'
import { deferred } from '../../src/core/deferred.js'
import { messageOf } from '../../src/core/errors.js'
import { seededRandom } from '../../src/core/random.js'
import { Scope } from '../../src/core/scope.js'
import type { LogHost } from '../../src/logging/sink.js'
import type { Platform } from '../../src/platform/platform.js'
import type { RunMode } from '../../src/supervisor/plugins/definition.js'
import { type StartFailedOptions, tellStartFailed } from '../../src/supervisor/plugins/start-failed.js'
import type { HeldPool } from '../../src/supervisor/pool/pool.js'
import { hostSettings } from '../../src/supervisor/sections.js'
import { type Boots, Server } from '../../src/supervisor/server.js'
import { ExitCode } from '../options.js'
import { version } from '../version.js'
import { enterFolder } from '../working-folder.js'
import { alwaysActive } from './built-ins.js'
import type { DevChanges } from './dev/changes.js'
import { killAtOnce, stopInOrder, stopWithin, watchExit } from './end.js'
import { Greeting } from './greeting.js'
import { exitCodeOf, type LifeEvent, LifeState, lifeTable } from './life.js'
import { writePidFile } from './pid-file.js'
import { planStart, type StartOptions, type StartPlan } from './plan.js'
import { listenForEnd } from './signals.js'
import { checkProblems, checkRuntimeApi, tellStartFault } from './start-fault.js'
import { notifySystemd, type SystemdState } from './systemd.js'
import { type PluginPlace, Uncaught } from './uncaught.js'

/** Differences between the modes, beside their platform. */
export interface Manner {
  /** Lambda starts the server anew: it ends with a pool that gives up. Nobody reads a banner. */
  readonly isInLambda: boolean
  /** Workers restart when files change, and where none can boot a change is waited for. */
  readonly watches: boolean
  /** Workers that fail to boot with the same words are told once. */
  readonly tellsBootsOnce: boolean
}

/** Parts of a run. */
export interface ServerRunOptions {
  readonly mode: RunMode
  readonly manner: Manner
  readonly platform: Platform
  readonly log: LogHost
}

/** Values that come with an event. */
interface LifeEventFacts {
  readonly error?: unknown
  readonly boots?: Boots
  readonly held?: HeldPool
  /** Paths of the files that changed. */
  readonly paths?: readonly string[]
}

/** One run of a server. */
export class ServerRun {
  readonly #options: ServerRunOptions
  readonly #log: LogHost
  readonly #end = listenForEnd()
  readonly #uncaught: Uncaught
  // Environments are frozen, laptops closed, processes stopped: nothing of ours may expire because time went by meanwhile.
  readonly #clock: Clock = new AwakeClock(systemClock)
  readonly #ended = deferred<number>()
  /** Watches, timers and messages, which the end of the ordinary life stops. */
  readonly #living = new Scope()
  #state: LifeState = LifeState.starting
  #plan: StartPlan | undefined
  #plugins: readonly PluginPlace[] = []
  #server: Server | undefined
  #greeting: Greeting | undefined
  /** `rr dev` only. */
  #changes: DevChanges | undefined
  #isSilent = false

  constructor(options: ServerRunOptions) {
    const { log } = options
    this.#options = options
    this.#log = log
    const plugins = () => this.#plugins
    this.#uncaught = new Uncaught({ log: log.named('server'), plugins })
    watchExit({ log, server: () => this.#server, plugins })
  }

  /** Resolves with the exit code. */
  run(options: StartOptions): Promise<number> {
    void this.#end.asked.then(() => this.#step('asked'))
    this.#end.onSecond(() => this.#step('insisted'))
    void this.#uncaught.first.then((error) => this.#step('uncaught', { error }))
    this.#start(options).catch((error: unknown) => this.#step('startFailed', { error }))
    return this.#ended.promise
  }

  /** The only place where the state changes. */
  #step(event: LifeEvent, facts: LifeEventFacts = {}): void {
    const to = lifeTable[this.#state][event]
    if (to === 'ignore') return
    assert(to !== 'never', `"${event}" comes while a server is ${this.#state}`)
    this.#state = to
    if (to === LifeState.killing) void killAtOnce(this.#server, this.#log)
    else if (to === LifeState.stopping) this.#finish(this.#stop(event, facts.error))
    else if (to === LifeState.failing) this.#finish(this.#fail(event, facts.error))
    else this.#goOn(event, facts)
  }

  #goOn(event: LifeEvent, { boots, held, paths }: LifeEventFacts): void {
    if (event === 'started') this.#open()
    if (boots !== undefined) {
      this.#greeting?.ready(boots)
      this.#notify('READY=1')
    }
    if (held !== undefined) {
      this.#greeting?.end()
      this.#changes?.sayHeld(held)
    }
    if (paths !== undefined) this.#changes?.apply(paths)
  }

  async #start(options: StartOptions): Promise<void> {
    const { mode, manner } = this.#options
    if (manner.isInLambda) checkRuntimeApi()
    const plan = await planStart(mode, options)
    // A signal may have come meanwhile, here as after every wait.
    if (!this.#isStarting()) return
    this.#plan = plan
    checkProblems(plan.problems)
    enterFolder(plan.cwd)
    this.#plugins = plan.plugins.map(({ plugin, file }) => ({ name: plugin.name, file }))
    if (process.pid === 1 && !manner.isInLambda)
      this.#log.warn({}, 'rr is process 1 and reaps only its own children: start it with docker-entrypoint')
    const server = this.#makeServer(plan, options)
    this.#server = server
    if (options.pid === true) this.#living.defer(writePidFile(plan.cwd))
    this.#isSilent = options.silent === true
    // Before any worker boots: one that cannot says that a file change is waited for, and the change may come at once.
    if (manner.watches) await this.#watch(plan, server)
    if (!this.#isStarting()) return
    await server.start()
    if (!this.#isStarting()) return
    this.#step('started')
  }

  #notify(state: SystemdState): void {
    if (!this.#options.manner.isInLambda)
      notifySystemd(state, { env: process.env, log: this.#log.named('systemd') })
  }

  #isStarting(): boolean {
    return this.#state === LifeState.starting
  }

  /** Everything listens and the workers boot: greets, and listens to what becomes of them. */
  #open(): void {
    const { manner, platform } = this.#options
    const [server, plan] = [this.#server, this.#plan]
    assert(server !== undefined && plan !== undefined, 'a server has started without a plan')
    const about = {
      plan,
      server,
      log: this.#log,
      clock: this.#clock,
      isSilent: this.#isSilent,
      listen: hostSettings(plan.values).rpc.listen,
    }
    for (const note of plan.notes) this.#log.named('start').debug({}, note)
    const greeting = new Greeting(about)
    this.#greeting = greeting
    this.#living.defer(() => greeting.end())
    if (!manner.isInLambda) greeting.starting()
    this.#reportSlowBoot(server, platform.slowBootMs)
    const booted = server.booted().then(
      (boots) => this.#step('booted', { boots }),
      // Where a change is waited for, each pool has reported it.
      (error: unknown) => manner.watches || this.#step('noWorker', { error }),
    )
    void server.failed.then((error) => this.#step('fault', { error }))
    if (!manner.isInLambda) return
    // A pool may give up before the boots have ended, when they take longer: that nobody booted is the cause then.
    for (const { died } of server.pools.all())
      void died.then(async (error) => {
        await booted
        this.#step('fault', { error })
      })
  }

  /** Logs what the workers of a boot that takes too long wrote so far. */
  #reportSlowBoot(server: Server, afterMs: number | undefined): void {
    if (afterMs === undefined) return
    const report = () => {
      const slow = server.pools.all().filter((pool) => pool.liveCount === 0)
      const lastLines = Object.fromEntries(slow.map((pool) => [pool.name, pool.bootLines()]))
      if (slow.length > 0) this.#log.error({ afterMs, lastLines }, 'no worker is ready yet')
    }
    const timer = this.#clock.timer(afterMs, report, { unref: true })
    this.#living.defer(() => timer.clear())
  }

  /** Resolves when every folder that can be watched is. */
  async #watch(plan: StartPlan, server: Server): Promise<void> {
    const { DevChanges } = await import('./dev/changes.js')
    const onChange = (paths: readonly string[]) => this.#step('changed', { paths })
    const { dev } = hostSettings(plan.values)
    const changes = new DevChanges({ plan, pools: server.pools, dev, log: this.#log, onChange })
    this.#changes = changes
    this.#living.defer(() => changes.close())
    await changes.ready
  }

  /** Resolves the run with the code of its last step. */
  #finish(work: Promise<number>): void {
    work.then(this.#ended.resolve, (error: unknown) => {
      this.#log.error({ error }, 'the server could not end in order')
      this.#ended.resolve(ExitCode.fault)
    })
  }

  async #stop(event: LifeEvent, error: unknown): Promise<number> {
    const server = this.#server
    const code = exitCodeOf(event, error)
    if (event === 'fault') this.#log.error({ error }, 'the server ends because of a fault')
    this.#notify('STOPPING=1')
    if (server === undefined) return code
    const { stopBudget } = this.#options.platform
    const asked = { log: this.#log, code, signal: this.#end.signal }
    const end = stopBudget === undefined ? stopInOrder(server, asked) : stopWithin(stopBudget, server, asked)
    const endCode = await end
    await this.#living.close()
    this.#uncaught.tellRest()
    return endCode
  }

  async #fail(event: LifeEvent, error: unknown): Promise<number> {
    const { isInLambda } = this.#options.manner
    // An uncaught error has been logged where it was caught.
    if (event !== 'uncaught') tellStartFault(error, this.#log, isInLambda)
    await this.#log.flush()
    await tellStartFailed(
      error instanceof Error ? error : new Error(messageOf(error)),
      await this.#startFailed(),
    )
    await this.#server?.stop()
    await this.#living.close()
    this.#uncaught.tellRest()
    return exitCodeOf(event, error)
  }

  /** The plugins that a failed start concerns: before the file was read, those that are on whatever it says. */
  async #startFailed(): Promise<StartFailedOptions> {
    const { mode } = this.#options
    const env = { ...(this.#plan?.env ?? process.env), RELAYRUNNER_VERSION: version }
    const plugins = this.#plan?.active ?? (await alwaysActive(mode))
    return { plugins, mode, env, clock: systemClock, log: this.#log }
  }

  #makeServer(plan: StartPlan, { early, leaks = false }: StartOptions): Server {
    const { mode, manner, platform } = this.#options
    const settings = hostSettings(plan.values)
    return new Server({
      plugins: plan.plugins,
      settings,
      mode,
      identity: { uid: process.getuid?.() ?? 0, path: plan.identityPath, listen: settings.rpc.listen },
      cwd: plan.cwd,
      // Read by the SDKs, which do all the rest.
      env: { ...plan.env, RELAYRUNNER_VERSION: version, ...(leaks && { RELAYRUNNER_LEAKS: '1' }) },
      platform,
      early,
      version,
      clock: this.#clock,
      random: seededRandom(process.pid ^ Date.now()),
      log: this.#log,
      splitCommand: (text) => commandWords(text) ?? [],
      checkInput,
      config: async () => (await import('./effective-config.js')).effectiveConfig(plan),
      onStopAsked: () => this.#end.ask(),
      tellsBootsOnce: manner.tellsBootsOnce,
      onHeld: manner.watches ? (held) => this.#step('held', { held }) : undefined,
    })
  }
}
