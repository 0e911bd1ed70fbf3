/**
 * An execution environment as Lambda runs it: a process that is started when an event comes, frozen between events, reset
 * after a timeout or a crash, and ended when it has been idle. `phase.ts` decides the steps; this file carries them out.
 */
import { descriptorsMax, type Timer } from '../../../index.js'
import type { ShutdownReason } from '../function/extensions.js'
import type { InvokeResult } from '../function/invocation.js'
import { connectionsFor } from '../http/connections.js'
import { EmulatorServer, type InvocationOptions, type StreamedResult } from '../http/server.js'
import type { ExecutionEnvironmentOptions } from './environment-options.js'
import { type ExitError, exitError } from './exit.js'
import { FailedInit } from './failed-init.js'
import { type Act, type Happening, hasInitLimit, type Phase, stepOf } from './phase.js'
import type { Sandbox } from './sandbox.js'
import { endSandbox, startSandbox } from './sandbox-life.js'
import type { InitializationType } from './variables.js'

const onDemandInitMs = 10_000
const earlyInitMs = 130_000
// Limit of a restore from a snapshot, hooks included.
const restoreMsMax = 10_000

/** Runs one function, in one environment at a time. */
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
  readonly #failedInit = new FailedInit()
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

  /** Pid of the runtime; undefined while none runs. */
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

  /** Kills every process at once, for callers that cannot wait for `close`. */
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

  /** Checks whether the phase's condition is met. Called after every change, since the state is polled. */
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
    const { log, clock } = this.#options
    this.#startedAt = clock.monotonicMs()
    this.#sandbox = startSandbox(this.#options, {
      runtimeApi: this.server.address,
      initialization: this.#initialization,
      extraVariables: this.#failedInit.take(),
      onExit: (exit) => {
        this.#fault = exitError(exit)
        log.warn({ ...exit, type: this.#fault.type }, 'the runtime ended')
        this.#happen('exit')
      },
      onExtensionExit: (name) => this.#fail({ type: 'Extension.Crash', message: `extension ${name} ended` }),
    })
    log.info({ pid: this.#sandbox.pid, phase: this.#phase }, 'started the environment')
  }

  /** Only for a waiting event is the next start a repetition; a later event gets a report of its own in the log. */
  #keepInitError(error: Buffer): boolean {
    const isRepeated = this.#phase === 'init'
    if (isRepeated && this.server.state.hasWaiting) this.#failedInit.keep(error)
    return isRepeated
  }

  /** Logs the values of Lambda's INIT_REPORT line. */
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

  /** Ends the processes; later events wait until they have ended. */
  #end(reason: ShutdownReason, isAtOnce: boolean): void {
    const { clock, log, budgets } = this.#options
    const since = clock.monotonicMs()
    const why = reason === 'SPINDOWN' ? 'spin-down' : this.#fault.message
    const { extensions } = this.server
    void endSandbox(this.#sandbox, { reason, isAtOnce, extensions, clock, budgets }).then((exit) => {
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
    // Managed Instances replace an environment at once; one that never started waits for an event, else it would be
    // retried without end.
    if (this.#phase === 'reset' && this.#options.concurrency !== undefined && this.#hasEverInited)
      this.#happen('warm')
    this.#look()
  }
}
