/** `rr serve`, `rr dev` and `rr bootstrap`: one life of a server, from the file to the exit code. */
import { createRequire } from 'node:module'
import { resolve } from 'node:path'
import { isatty } from 'node:tty'
import { checkInput } from '../../config/check-input.js'
import { AwakeClock } from '../../src/core/awake-clock.js'
import { type Clock, systemClock } from '../../src/core/clock.js'
import { commandWords } from '../../src/core/command-words.js'
import { ErrorCode, hasCode, messageOf, RelayError } from '../../src/core/errors.js'
import { seededRandom } from '../../src/core/random.js'
import type { LogFields } from '../../src/logging/logger.js'
import { LogHost } from '../../src/logging/sink.js'
import { lambdaPlatform } from '../../src/platform/lambda.js'
import type { Platform } from '../../src/platform/platform.js'
import { serverPlatform } from '../../src/platform/server.js'
import { formatProblem, type Problem } from '../../src/schema/tree.js'
import { type StartFailedOptions, tellStartFailed } from '../../src/supervisor/plugins/start-failed.js'
import type { BootFault } from '../../src/supervisor/pool/boot/boot-worker.js'
import { repeatsFailedStart } from '../../src/supervisor/pool/boot/failed-start.js'
import type { HeldPool } from '../../src/supervisor/pool/pool.js'
import { type Boots, Server } from '../../src/supervisor/server.js'
import { type CommonOptions, ExitCode, sayFault } from '../options.js'
import { enterFolder } from '../working-folder.js'
import { exitNow, killAtOnce, stopInOrder, stopWithin, watchExit } from './end.js'
import { Greeting } from './greeting.js'
import { alwaysActive, type Mode, planStart, type StartOptions, type StartPlan } from './plan.js'
import { listenForEnd } from './signals.js'
import { type PluginPlace, Uncaught } from './uncaught.js'
import type { Unwatched, Watch } from './watch.js'

const { version } = createRequire(import.meta.url)('relayrunner/package.json') as { version: string }

/** Runs until SIGTERM or SIGINT. */
export function serve(options: CommonOptions): Promise<number> {
  return run('serve', options)
}

/** Beside the common ones. */
export interface DevOptions extends CommonOptions {
  /** `--sqs QUEUE`: short for `-o emulator.sqs.queue=QUEUE`. */
  readonly sqs?: string
}

/** Serves with the emulator, and restarts workers when files change. With `handler` no configuration file is needed. */
export function dev(handler: string | undefined, options: DevOptions): Promise<number> {
  const { override, sqs } = options
  const isAsked = override.some((one) => one.startsWith('logs.encoding='))
  // Quoted: a queue may be called 7 or on.
  const queue = sqs === undefined ? [] : [`emulator.sqs.queue=${JSON.stringify(sqs)}`]
  const encoding = isAsked ? [] : ['logs.encoding=console']
  const named = handler === undefined ? {} : { handler }
  return run('dev', { ...options, ...named, override: [...override, ...encoding, ...queue] })
}

/** Inside Lambda. `handler` is for `rr lambda run HANDLER`, which has `_HANDLER` of the same name. */
export function bootstrap(handler: string | undefined, options: CommonOptions): Promise<number> {
  return run('bootstrap', handler === undefined ? options : { ...options, handler })
}

type ServeMode = Exclude<Mode, 'check'>

async function run(mode: ServeMode, options: StartOptions): Promise<number> {
  const platform = mode === 'bootstrap' ? lambdaPlatform(process.env) : serverPlatform
  const log = new LogHost({
    env: process.env,
    shape: platform.log,
    isTerminal: isatty(2),
    clock: systemClock,
  })
  // Whoever reads them may have gone: the log counts what it could not write, and nothing else depends on them.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined)
  const life = new Life(mode, platform, log)
  const code = await life.run(options).catch((error: unknown) => life.fail(error))
  // What the last step rejected without a handler is told in a turn of its own.
  await new Promise<void>((resolve) => setImmediate(resolve))
  await log.end()
  exitNow(code)
}

/** Faults of the surroundings, found before there is a server whose log could tell them: said as every other command would. */
const startFaults = [
  ErrorCode.AlreadyRunning,
  ErrorCode.AddressInUse,
  ErrorCode.SocketPath,
  ErrorCode.PrivateFolder,
  ErrorCode.PoolUnknown,
  ErrorCode.PluginMissingNeed,
] as const

/** One life of a server. */
class Life {
  readonly #mode: ServeMode
  readonly #platform: Platform
  readonly #log: LogHost
  readonly #end = listenForEnd()
  readonly #uncaught: Uncaught
  // Environments are frozen, laptops closed, processes stopped: nothing of ours may expire because time went by meanwhile.
  readonly #clock: Clock = new AwakeClock(systemClock)
  #plugins: readonly PluginPlace[] = []
  #plan: StartPlan | undefined
  #server: Server | undefined
  #greeting: Greeting | undefined
  /** Fault that has been logged already, so that it is not logged again. */
  #toldFault: unknown

  constructor(mode: ServeMode, platform: Platform, log: LogHost) {
    this.#mode = mode
    this.#platform = platform
    this.#log = log
    const plugins = () => this.#plugins
    this.#uncaught = new Uncaught({ log: log.named('server'), plugins })
    watchExit({ log, server: () => this.#server, plugins })
  }

  async run(options: StartOptions): Promise<number> {
    const isBootstrap = this.#mode === 'bootstrap'
    if (isBootstrap && !process.env.AWS_LAMBDA_RUNTIME_API) {
      throw new RelayError(
        ErrorCode.NothingToPull,
        'nothing to pull from: AWS_LAMBDA_RUNTIME_API is not set',
        {
          hint: 'AWS Lambda sets it. Elsewhere use `rr serve` or `rr dev`.',
        },
      )
    }
    const plan = await planStart(this.#mode, options)
    this.#plan = plan
    const faults = plan.problems.filter((problem) => problem.severity === 'error')
    for (const problem of plan.problems) say(formatProblem(problem))
    if (faults.length > 0) throw configFault(faults)
    enterFolder(plan.cwd)
    this.#plugins = plan.plugins.map(({ plugin, file }) => ({ name: plugin.name, file }))
    if (process.pid === 1 && !isBootstrap) {
      this.#log.warn({}, 'rr is process 1 and reaps only its own children: start it with docker-entrypoint')
    }
    const server = this.#makeServer(plan)
    this.#server = server
    this.#end.onSecond(() => void killAtOnce(this.#server, this.#log))
    if (this.#end.isAsked) return ExitCode.ok
    const started = server.start()
    const ready = started.then(() => server.booted())
    // Awaited below; a stop that comes first must not leave it unhandled.
    ready.catch(() => undefined)
    const first = await Promise.race([this.#end.asked, this.#uncaught.first, started])
    if (first === 'asked') return this.#stop(ExitCode.ok)
    if (first instanceof Error) throw this.#told(first)
    const watch = this.#mode === 'dev' ? await this.#watch(plan, server) : undefined
    const greeting = new Greeting({
      plan,
      server,
      log: this.#log,
      clock: this.#clock,
      listen: listenOf(plan),
    })
    this.#greeting = greeting
    if (!isBootstrap) greeting.starting()
    const { slowBootMs = 0 } = this.#platform
    const report = () => this.#reportSlowBoot(server, slowBootMs)
    const slow = slowBootMs > 0 ? this.#clock.timer(slowBootMs, report, { unref: true }) : undefined
    try {
      return await this.#live(server, greeting, ready)
    } finally {
      slow?.clear()
      greeting.end()
      watch?.close()
    }
  }

  /** Everything that went wrong before or beside the ordinary end: told once, posted to Lambda, turned into an exit code. */
  async fail(error: unknown): Promise<number> {
    const usage = [ErrorCode.ConfigInvalid, ErrorCode.ConfigNotFound, ErrorCode.NothingToPull]
    const isUsage = [...usage, ErrorCode.WorkerSettings].some((code) => hasCode(error, code))
    if (!hasCode(error, ErrorCode.ConfigInvalid)) {
      // Inside Lambda the log is all that there is to read.
      const isEarly = this.#mode !== 'bootstrap' && startFaults.some((code) => hasCode(error, code))
      if (isUsage || isEarly) sayFault(error)
      else if (error !== this.#toldFault) {
        const isKnown = repeatsFailedStart(messageOf(error), process.env)
        this.#log[isKnown ? 'debug' : 'error'](this.#factsOf(error), 'the server could not run')
      }
    }
    await this.#log.flush()
    await tellStartFailed(error instanceof Error ? error : new Error(messageOf(error)), this.#startFailed())
    await this.#server?.stop()
    this.#uncaught.tellRest()
    return isUsage ? ExitCode.config : ExitCode.fault
  }

  async #live(server: Server, greeting: Greeting, ready: Promise<Boots>): Promise<number> {
    const booted = ready.then(
      (boots) => void greeting.ready(boots),
      (error: unknown) => this.#noWorker(error),
    )
    // Resolves only with a fault: a good boot is not an end.
    const bootFault = new Promise<Error>((resolve) => void booted.then((fault) => fault && resolve(fault)))
    // A pool may be dead before we look, when the start takes longer than its boots: that nobody booted is the cause then.
    const cause = async (died: Error) => (await booted) ?? died
    const died = this.#mode === 'bootstrap' ? server.pools.all().map((pool) => pool.died.then(cause)) : []
    let isBooted = false
    void booted.then(() => {
      isBooted = true
    })
    const uncaught = this.#uncaught.first.then((fault) => this.#told(fault))
    const end = await Promise.race([this.#end.asked, uncaught, server.failed, bootFault, ...died])
    if (!(end instanceof Error)) return this.#stop(ExitCode.ok)
    // While nobody has booted it is a fault of the init phase, which Lambda is to be told of.
    if (end === this.#toldFault) {
      if (!isBooted) throw end
      return this.#stop(ExitCode.fault)
    }
    if (end === (await Promise.race([bootFault, undefined]))) throw end
    this.#log.error({ error: end }, 'the server ends because of a fault')
    return this.#stop(hasCode(end, ErrorCode.NothingToPull) ? ExitCode.config : ExitCode.fault)
  }

  #noWorker(error: unknown): Error | undefined {
    // Boots that a stop gave up are not faults.
    if (this.#end.isAsked) return undefined
    const fault = error instanceof Error ? error : new Error(messageOf(error))
    if (this.#mode !== 'dev') return fault
    // Each of its pools has reported it and waits for a change.
    return undefined
  }

  /** Returns a fault's log fields, inside Lambda without the workers' output, which the log already holds. */
  #factsOf(error: unknown): LogFields {
    if (this.#mode !== 'bootstrap' || !(error instanceof RelayError)) return { error }
    const { summary }: BootFault = error
    return summary === undefined ? { error } : { error: summary, code: error.code, hint: error.hint }
  }

  /** Marks a fault as logged, so that it is not logged again. */
  #told(fault: Error): Error {
    this.#toldFault = fault
    return fault
  }

  async #stop(code: number): Promise<number> {
    const server = this.#server
    if (server === undefined) return code
    const { signal } = this.#end
    const { stopBudget } = this.#platform
    const asked = { log: this.#log, code, signal }
    const end = await (stopBudget === undefined
      ? stopInOrder(server, asked)
      : stopWithin(stopBudget, server, asked))
    this.#uncaught.tellRest()
    return end
  }

  #makeServer(plan: StartPlan): Server {
    return new Server({
      plugins: plan.plugins,
      mode: this.#mode,
      identity: { uid: process.getuid?.() ?? 0, path: plan.identityPath, listen: listenOf(plan) },
      cwd: plan.cwd,
      env: { ...plan.env, RELAYRUNNER_VERSION: version },
      platform: this.#platform,
      version,
      clock: this.#clock,
      random: seededRandom(process.pid ^ Date.now()),
      log: this.#log,
      splitCommand: (text) => commandWords(text) ?? [],
      checkInput,
      onStopAsked: () => this.#end.ask(),
      tellsBootsOnce: this.#mode !== 'serve',
      onHeld: this.#mode === 'dev' ? (held) => this.#sayHeld(held) : undefined,
    })
  }

  /** Whom a failed start concerns; before the file was read, only plugins that are on whatever it says. */
  #startFailed(): StartFailedOptions {
    const env = { ...(this.#plan?.env ?? process.env), RELAYRUNNER_VERSION: version }
    const plugins = this.#plan?.active ?? alwaysActive(this.#mode)
    return { plugins, mode: this.#mode, env, clock: systemClock, log: this.#log }
  }

  #sayHeld(held: HeldPool): void {
    this.#greeting?.end()
    const text = 'no worker could boot: waiting for a file change (or `rr reset`)'
    this.#log.named('watch').warn({ ...held }, text)
  }

  async #watch(plan: StartPlan, server: Server): Promise<Watch> {
    const { watchFolder } = await import('./watch.js')
    const log = this.#log.named('watch')
    const onChange = (path: string) => {
      if (plan.file !== undefined && resolve(plan.cwd, path) === resolve(plan.file)) {
        this.#log.warn(
          { path },
          'the configuration is read at the start only: start rr dev anew to apply the change',
        )
      }
      this.#log.info({ path }, 'a file changed, restarting the workers')
      // A reset that fails says so itself.
      for (const pool of server.pools.all()) void pool.reset().catch(() => undefined)
    }
    const onUnwatched = (what: Unwatched) =>
      log.warn({ ...what }, 'changes of some files are not seen: they cannot be watched')
    return watchFolder({ folder: plan.cwd, onChange, onUnwatched })
  }

  /** Logs what the workers of a boot that takes too long wrote so far. */
  #reportSlowBoot(server: Server, afterMs: number): void {
    const slow = server.pools.all().filter((pool) => pool.liveCount === 0)
    if (slow.length === 0) return
    const lastLines = Object.fromEntries(slow.map((pool) => [pool.name, pool.bootLines()]))
    this.#log.error({ afterMs, lastLines }, 'no worker is ready yet')
  }
}

/** `rpc.listen`, which tells two servers of one file apart. */
function listenOf({ plugins }: StartPlan): string {
  const config = plugins.find(({ plugin }) => plugin.name === 'rpc')?.config
  const isThere = typeof config === 'object' && config !== null && 'listen' in config
  return isThere && typeof config.listen === 'string' ? config.listen : ''
}

function configFault(faults: readonly Problem[]): RelayError {
  const text = faults.map(formatProblem).join('\n')
  return new RelayError(ErrorCode.ConfigInvalid, `the configuration has ${faults.length} faults:\n${text}`)
}

function say(line: string): void {
  process.stderr.write(`${line}\n`)
}
