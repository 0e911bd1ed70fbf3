/**
 * An execution environment as Lambda runs it: a process that is started when an event comes, frozen between events, reset after
 * a timeout or a crash and ended when nobody needs it. What follows on what is in `phase.ts`; here it is carried out.
 */
import { randomUUID } from 'node:crypto'
import { type Clock, descriptorsMax, type Logger, type Timer } from '../../../index.js'
import type { ShutdownReason } from '../function/extensions.js'
import type { InvokeResult } from '../function/invocation.js'
import { connectionsFor } from '../http/connections.js'
import { EmulatorServer, type InvocationOptions, type StreamedResult } from '../http/server.js'
import { type ExitError, exitError } from './exit.js'
import { failedInitVariable, initErrorMessage } from './failed-init.js'
import { type Act, type Happening, hasInitLimit, type Phase, stepOf } from './phase.js'
import { type ExtensionCommand, Sandbox } from './sandbox.js'
import { defaultBudgets, type ShutdownBudgets, shutdownPlan } from './shutdown-plan.js'
import { type InitializationType, lambdaVariables } from './variables.js'

/** Options of an environment. */
export interface ExecutionEnvironmentOptions {
  /** The bootstrap: words, no shell. */
  readonly command: readonly string[]
  /** The function's folder. */
  readonly cwd: string
  /** The function's own variables. */
  readonly variables: Readonly<Record<string, string | undefined>>
  readonly address: string
  /** Names that requests may call that address by. */
  readonly hosts?: readonly string[]
  readonly functionName: string
  readonly handler: string
  readonly memoryMb: number
  readonly timeoutMs: number
  /** A start may take as long; without it what AWS allows: 10 s, or more where the start is not part of an event. */
  readonly initMsMax?: number | undefined
  /** An environment that rests for as long is ended; without it never. */
  readonly idleMsMax?: number | undefined
  /** Managed Instances: this many events at once, no freeze, no reset after a timeout. */
  readonly concurrency?: number | undefined
  /** Other than `on-demand`, it starts before the first event. */
  readonly initialization?: Exclude<InitializationType, 'lambda-managed-instances'>
  readonly freezes: boolean
  readonly extensions?: readonly ExtensionCommand[]
  readonly hasExtensions?: boolean
  readonly budgets?: Partial<ShutdownBudgets>
  readonly user?: { readonly uid: number; readonly gid: number } | undefined
  readonly onOutput?: (bytes: Buffer) => void
  readonly clock: Clock
  readonly log: Logger
}

const onDemandInitMs = 10_000
const earlyInitMs = 130_000
// A snapshot is woken within this, hooks included.
const restoreMsMax = 10_000
const sandboxDescriptorsMax = 1024

/** One environment at a time, of one function. */
export class ExecutionEnvironment {
  readonly #options: ExecutionEnvironmentOptions
  readonly server: EmulatorServer
  #phase: Phase = 'cold'
  #timer: Timer | undefined
  #sandbox: Sandbox | undefined
  #fault: ExitError = { type: 'Sandbox.Failure', message: 'the environment failed' }
  #startedAt = 0
  #frozenAt = 0
  #hasEverInited = false
  /** Message of a failed start whose event starts the environment again. */
  #failedInit: string | undefined
  #whenGone: (() => void)[] = []

  constructor(options: ExecutionEnvironmentOptions) {
    this.#options = options
    this.server = new EmulatorServer({
      address: options.address,
      hosts: options.hosts ?? [],
      connectionsMax: connectionsFor(descriptorsMax()),
      timeoutMs: options.timeoutMs,
      clock: options.clock,
      log: options.log,
      concurrency: options.concurrency,
      functionName: options.functionName,
      handler: options.handler,
      folder: options.cwd,
      externals: (options.extensions ?? []).map(({ name }) => name),
      ...(options.hasExtensions === undefined ? {} : { hasExtensions: options.hasExtensions }),
      environment: {
        mayHandOut: () => this.#phase === 'live',
        isInitRepeated: (error) => this.#keepInitError(error),
        onChange: () => this.#look(),
        onTimeout: () => this.#timeOut(),
        onExtensionFault: (type, message) => this.#fail({ type, message }),
      },
    })
  }

  /** The current phase. */
  get phase(): Phase {
    return this.#phase
  }

  /** The runtime's process, while there is one. */
  get pid(): number | undefined {
    return this.#sandbox?.pid
  }

  /** Listens, and starts the process where that does not wait for an event. Rejects with RR_ADDRESS_IN_USE. */
  async start(): Promise<void> {
    await this.server.listen()
    if (this.#initialization !== 'on-demand') this.#happen('warm')
  }

  /** Invokes the function; resolves with how it ended. */
  invoke(event: Buffer, options: InvocationOptions = {}): Promise<InvokeResult> {
    return this.server.invoke(event, options)
  }

  /** Invokes the function; a streamed answer is handed over as soon as it begins. */
  invokeStream(event: Buffer, options: InvocationOptions = {}): Promise<StreamedResult> {
    return this.server.invokeStream(event, options)
  }

  /** Ends the environment as Lambda would, then the server. */
  async close(): Promise<void> {
    this.#happen('stop')
    while (this.#phase !== 'closed') await this.#gone()
    await this.server.close()
  }

  /** Kills every process at once; for whoever cannot wait for `close`. */
  kill(): void {
    void this.#sandbox?.kill()
  }

  get #initialization(): InitializationType {
    const { concurrency, initialization } = this.#options
    return concurrency === undefined ? (initialization ?? 'on-demand') : 'lambda-managed-instances'
  }

  #happen(happening: Happening): void {
    const from = this.#phase
    const { to, acts } = stepOf(from, happening)
    if (to !== from) {
      this.#timer?.clear()
      this.#phase = to
      this.#timer = this.#limit(to)
    }
    for (const act of acts) this.#acts[act](from)
  }

  /** Looks again at whether the phase's condition is met; called after every change, as the state is polled. */
  #look(): void {
    const { state, extensions } = this.server
    switch (this.#phase) {
      case 'cold':
      case 'reset':
      case 'resting':
      case 'snapshotted':
        if (state.hasWaiting) this.#happen('event')
        return
      case 'init':
      case 'again':
      case 'restoring':
        if (state.hasPolled && extensions.areAtRest) this.#happen('init-over')
        else if (state.isInSnapshot && extensions.areAtRest) this.#happen('snapshot')
        return
      case 'live':
        if (state.isIdle && !state.hasWaiting && extensions.areAtRest) this.#happen('quiet')
        return
      default:
    }
  }

  #limit(phase: Phase): Timer | undefined {
    const { clock, idleMsMax } = this.#options
    if (hasInitLimit(phase)) {
      const ms = phase === 'restoring' ? restoreMsMax : this.#initMsMax
      return clock.timer(ms, () => this.#initLate(ms))
    }
    if (phase !== 'resting' || idleMsMax === undefined) return undefined
    return clock.timer(idleMsMax, () => this.#happen('idle-late'))
  }

  get #initMsMax(): number {
    const early = Math.max(earlyInitMs, this.#options.timeoutMs)
    return this.#options.initMsMax ?? (this.#initialization === 'on-demand' ? onDemandInitMs : early)
  }

  #initLate(ms: number): void {
    this.#fault = { type: 'Sandbox.Timedout', message: `the start took longer than ${ms} ms` }
    this.#happen('init-late')
  }

  #timeOut(): Promise<void> {
    this.#fault = { type: 'Sandbox.Timedout', message: 'the event took longer than the function’s timeout' }
    this.#happen('timeout')
    return this.#phase === 'resetting' ? this.#gone() : Promise.resolve()
  }

  #fail(fault: ExitError): void {
    this.#fault = fault
    this.#happen('fault')
  }

  #gone(): Promise<void> {
    return new Promise((resolve) => this.#whenGone.push(resolve))
  }

  readonly #acts: Readonly<Record<Act, (from: Phase) => void>> = {
    start: () => this.#start(),
    'start-clock': () => this.server.state.startClock(),
    'report-init': (from) => this.#reportInit('success', from),
    'report-failed-init': (from) =>
      this.#reportInit(this.#fault.type === 'Sandbox.Timedout' ? 'timeout' : 'error', from),
    freeze: () => this.#freeze(),
    thaw: () => this.#thaw(),
    restore: () => this.server.state.restore(),
    'hand-out': () => {
      this.server.state.poke()
      this.#look()
    },
    'tell-fault': (from) => this.#tellFault(from),
    kill: () => this.#end('FAILURE', true),
    'time-out': () => this.#end('TIMEOUT', false),
    fail: () => this.#end('FAILURE', false),
    'spin-down': () => this.#end('SPINDOWN', false),
  }

  #tellFault(from: Phase): void {
    // A repeated start may have told its event already that it failed: an event that came since waits for the next start.
    const orWaiting = from === 'live' ? 'none' : from === 'again' ? 'begun' : 'any'
    this.server.state.fail(this.#fault, orWaiting)
  }

  #start(): void {
    const { log, clock, functionName, handler, memoryMb, concurrency, cwd, variables } = this.#options
    this.#startedAt = clock.monotonicMs()
    const logStream = `local/[$LATEST]${randomUUID().replaceAll('-', '')}`
    const facts = {
      functionName,
      handler,
      memoryMb,
      taskRoot: cwd,
      runtimeApi: this.server.address,
      initialization: this.#initialization,
      concurrency,
      logStream,
    }
    this.#sandbox = new Sandbox({
      ...this.#options,
      variables: { ...lambdaVariables(facts, variables), ...this.#failedInitVariable() },
      extensions: this.#options.extensions ?? [],
      mark: `AWS_LAMBDA_LOG_STREAM_NAME=${logStream}`,
      descriptorsMax: sandboxDescriptorsMax,
      user: this.#options.user,
      onExit: (exit) => {
        this.#fault = exitError(exit)
        log.warn({ ...exit, type: this.#fault.type }, 'the runtime ended')
        this.#happen('exit')
      },
      onExtensionExit: (name) => this.#fail({ type: 'Extension.Crash', message: `extension ${name} ended` }),
    })
    log.info({ pid: this.#sandbox.pid, phase: this.#phase }, 'started the environment')
  }

  /** Only an event that waits makes the next start a repetition; one that comes later is to find its own report in the log. */
  #keepInitError(error: Buffer): boolean {
    const isRepeated = this.#phase === 'init'
    if (isRepeated && this.server.state.hasWaiting) this.#failedInit = initErrorMessage(error)
    return isRepeated
  }

  #failedInitVariable(): Readonly<Record<string, string>> {
    const message = this.#failedInit
    this.#failedInit = undefined
    return message === undefined ? {} : { [failedInitVariable]: message }
  }

  /** The facts of Lambda's own INIT_REPORT line. */
  #reportInit(status: 'success' | 'timeout' | 'error', from: Phase): void {
    const { clock, log } = this.#options
    const ms = Math.round(clock.monotonicMs() - this.#startedAt)
    const fields = { ms, status, phase: from === 'again' ? 'invoke' : from }
    if (status === 'success') {
      this.#hasEverInited = true
      log.info(fields, 'initialised')
    } else log.warn({ ...fields, error: this.#fault.message }, 'initialisation failed')
  }

  #freeze(): void {
    const { freezes, concurrency, clock, log } = this.#options
    if (!freezes || concurrency !== undefined) return
    this.#frozenAt = clock.monotonicMs()
    this.#sandbox?.freeze()
    log.info({}, 'frozen')
  }

  #thaw(): void {
    const { freezes, concurrency, clock, log } = this.#options
    if (!freezes || concurrency !== undefined) return
    this.#sandbox?.thaw()
    log.info({ ms: Math.round(clock.monotonicMs() - this.#frozenAt) }, 'thawed')
  }

  /** Ends the processes; whatever happens meanwhile waits until they have gone. */
  #end(reason: ShutdownReason, isAtOnce: boolean): void {
    const { clock, log, budgets } = this.#options
    const since = clock.monotonicMs()
    const { kind } = this.server.extensions
    const plan = isAtOnce
      ? { runtimeMs: 0, extensionsMs: 0 }
      : shutdownPlan(reason, kind, { ...defaultBudgets, ...budgets })
    const tell = () =>
      this.server.extensions.deliver({
        eventType: 'SHUTDOWN',
        deadlineMs: clock.nowMs() + plan.extensionsMs,
        shutdownReason: reason,
      })
    const why = reason === 'SPINDOWN' ? 'spin-down' : this.#fault.message
    const sandbox = this.#sandbox
    const ended = isAtOnce ? sandbox?.kill() : sandbox?.end(plan, tell)
    void Promise.resolve(ended)
      .then(() => sandbox?.exited)
      .then((exit) => {
        const ms = Math.round(clock.monotonicMs() - since)
        log.info({ ...exit, ms, reason, why }, 'ended the environment')
        this.#ended()
      })
  }

  #ended(): void {
    this.#sandbox = undefined
    this.server.reset()
    this.#happen('gone')
    for (const resolve of this.#whenGone.splice(0)) resolve()
    // Managed Instances replace an environment at once; one that never came up waits for an event, else it would try without end.
    if (this.#phase === 'reset' && this.#options.concurrency !== undefined && this.#hasEverInited)
      this.#happen('warm')
    this.#look()
  }
}
