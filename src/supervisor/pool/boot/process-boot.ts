/**
 * Brings one worker up: process, output, relay, PID handshake. Everything that was begun is undone when a step fails, and
 * the fault carries the worker's last lines, which is what its author needs to see.
 */
import type { Clock } from '../../../core/clock.js'
import { ErrorCode, messageOf, RelayError } from '../../../core/errors.js'
import { LineSplitter } from '../../../core/line-splitter.js'
import type { Logger } from '../../../core/log.js'
import { type LinePart, readOutput } from '../../../core/output-reader.js'
import type { Random } from '../../../core/random.js'
import type { WorkerLine } from '../../../core/worker-lines.js'
import { handshake } from '../../../ipc/handshake.js'
import type { RelayListener } from '../../../ipc/listener.js'
import { pipesRelay } from '../../../ipc/pipes-relay.js'
import { defaultRelayLimits, type Relay } from '../../../ipc/relay.js'
import { stackFeatures } from '../../worker/kill.js'
import type { LaunchSettings } from '../../worker/launcher.js'
import {
  type SpawnedProcess,
  type SpawnOptions,
  spawnProcess,
  type WorkerProcess,
} from '../../worker/process.js'
import type { Watchdog } from '../../worker/watchdog.js'
import { Worker } from '../../worker/worker.js'
import type { PoolConfig } from '../pool-keys.js'
import type { BootWorker, WorkerEvents } from '../process-pool.js'
import type { OutputFifos } from './output-fifos.js'

/** What workers of one pool are brought up with. */
export interface BootOptions {
  readonly pool: string
  readonly words: readonly string[]
  readonly cwd: string
  /** The environment, given what RR_RELAY says. */
  readonly env: (relayAddress: string) => Readonly<Record<string, string>>
  readonly config: PoolConfig
  readonly settings: LaunchSettings
  readonly lineBytesMax: () => number
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  readonly writeLine: (line: WorkerLine) => void
  readonly fifos: OutputFifos
  /** Resolves when the watchdog listens; undefined when there is none. */
  readonly watchdog: Promise<Watchdog | undefined>
  /** The listener of a socket relay; undefined: pipes. */
  readonly listener: Promise<RelayListener> | undefined
}

/** How long a worker may take to leave after the stop message, as in RoadRunner. */
export const stopTimeoutMs = 10_000
/** Lines of a worker's output that are kept to tell of its end. */
export const tailLinesMax = 20
/** Features that mean a signal. */
export const signalFeatures: ReadonlySet<string> = new Set(Object.values(stackFeatures))
// RoadRunner spreads `max_jobs` by up to 14 %, so that workers do not all leave at once; 1 stays 1.
const jobsSpread = 0.15
/** The share of its `max_jobs` after which a worker's successor boots; below twenty jobs there is none to spare. */
export const dueShare = 0.95

/** Makes the function that a pool calls for each worker. */
export function workerBooter(options: BootOptions): BootWorker {
  return (events, signal) => bootWorker(options, events, signal)
}

async function bootWorker(options: BootOptions, events: WorkerEvents, signal: AbortSignal): Promise<Worker> {
  const watchdog = await options.watchdog
  const listener = await options.listener
  const owner = options.settings.identity
  const [stderr, stdout] = [await options.fifos.take(owner), listener && (await options.fifos.take(owner))]
  signal.throwIfAborted()
  const outputs = stderr && { stderr, ...(stdout && { stdout }) }
  const spawned = spawnOrClose(options, { listener, outputs, watchdog })
  const voice = new Voice(options, spawned)
  const jobsMax = jitter(options.config.max_jobs, options.random)
  const worker = new Worker({
    pool: options.pool,
    process: spawned.process,
    clock: options.clock,
    log: options.log,
    jobsMax,
    jobsDue: Math.floor(jobsMax * dueShare),
    onDue: events.onDue,
    execTtlMs: options.config.supervisor.exec_ttl,
    killGraceMs: options.config.supervisor.kill_grace,
    stopTimeoutMs,
    streamTimeoutMs: options.config.stream_timeout,
    lastLines: () => voice.lastLines(),
    outputEnded: voice.ended,
    onJunk: (bytes) => voice.junk(bytes),
    onJunkEnd: () => voice.endJunk(),
    onLeaving: events.onLeaving,
    onExited: events.onExited,
    onDeadline: events.onDeadline,
  })
  voice.speakFor(worker)
  const bootEnded = events.onBooting(() => voice.lastLines())
  try {
    const { relay, features } = await connect(options, spawned.process, listener, voice, signal)
    worker.adopt(relay, features)
    return worker
  } catch (error) {
    worker.kill(signal.aborted ? 'forced' : 'boot_failed')
    const exit = await spawned.process.exited
    await voice.ended
    const end = exit.signal === 'SIGKILL' ? '' : `; it ended with ${exit.signal ?? `exit code ${exit.code}`}`
    const said = voice.lastLines().slice(-5).join(' | ')
    const text = `worker ${worker.pid} of pool "${options.pool}" did not become ready: ${messageOf(error)}${end}`
    const fault = new RelayError(
      ErrorCode.WorkerBoot,
      said === '' ? text : `${text}; its last lines: ${said}`,
      {
        hint: `Run \`${options.words.join(' ')}\` by hand: it must answer the PID request within allocate_timeout.`,
        cause: error,
      },
    )
    throw Object.assign(fault, { lastLines: voice.lastLines(), pid: worker.pid })
  } finally {
    bootEnded()
  }
}

/** Starts the process; when there is nothing to start, the FIFOs that were opened for it are closed. */
function spawnOrClose(
  options: BootOptions,
  made: Pick<SpawnOptions, 'outputs' | 'watchdog'> & { readonly listener: RelayListener | undefined },
): SpawnedProcess {
  const { listener, outputs, watchdog } = made
  try {
    return spawnProcess({
      words: options.words,
      cwd: options.cwd,
      env: options.env(listener?.address ?? 'pipes'),
      usesPipes: listener === undefined,
      outputs,
      watchdog,
      settings: options.settings,
    })
  } catch (error) {
    for (const fifo of [outputs?.stderr, outputs?.stdout]) {
      fifo?.closeChildEnd()
      fifo?.stream.destroy()
    }
    throw error
  }
}

/** The effective `max_jobs` of one worker. */
export function jitter(jobsMax: number, random: Random): number {
  return jobsMax + Math.floor(jobsMax * jobsSpread * random())
}

async function connect(
  options: BootOptions,
  process: WorkerProcess,
  listener: RelayListener | undefined,
  voice: Voice,
  signal: AbortSignal,
): Promise<{ readonly relay: Relay; readonly features: readonly string[] }> {
  const timeoutMs = options.config.allocate_timeout
  const ended = new AbortController()
  const stop = () => ended.abort()
  void process.exited.then(stop)
  signal.addEventListener('abort', stop, { once: true })
  try {
    if (listener !== undefined) {
      const introduced = await listener.expect(process.pid, { timeoutMs, signal: ended.signal })
      return introduced
    }
    if (process.output === undefined || process.input === undefined)
      throw new Error('the process has no pipes')
    const relay = pipesRelay(process.output, process.input, defaultRelayLimits)
    const { pid, features } = await handshake(relay, {
      ownPid: globalThis.process.pid,
      timeoutMs,
      clock: options.clock,
      signal: ended.signal,
      onJunk: (bytes) => voice.junk(bytes),
    })
    // A wrapper that did not become the worker would die of a signal that is meant for the worker.
    return {
      relay,
      features: pid === process.pid ? features : features.filter((one) => !signalFeatures.has(one)),
    }
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

/** What a worker says beside its answers: standard error, standard output, and stray bytes on the relay. */
class Voice {
  readonly ended: Promise<void>
  readonly #options: BootOptions
  readonly #tails: (() => readonly string[])[]
  readonly #junk: LineSplitter
  readonly #pid: number
  readonly #strayLines: string[] = []
  #worker: Worker | undefined

  constructor(options: BootOptions, spawned: SpawnedProcess) {
    this.#options = options
    this.#pid = spawned.process.pid
    const stderr = this.#listen(spawned.stderr, 'stderr')
    const stdout = spawned.stdout && this.#listen(spawned.stdout, 'stdout')
    this.ended = Promise.all([stderr.ended, stdout?.ended]).then(() => this.#junk.end())
    this.#tails = [stderr.tail, ...(stdout ? [stdout.tail] : [])]
    this.#junk = new LineSplitter({
      lineBytesMax: options.lineBytesMax(),
      onLine: (text, part) => {
        if (this.#strayLines.push(text.slice(0, 2048)) > tailLinesMax) this.#strayLines.shift()
        this.#say('stdout', text, part)
      },
    })
  }

  speakFor(worker: Worker): void {
    this.#worker = worker
  }

  junk(bytes: Buffer): void {
    this.#junk.push(bytes)
  }

  endJunk(): void {
    this.#junk.end()
  }

  lastLines(): readonly string[] {
    return [...this.#strayLines, ...this.#tails.flatMap((tail) => tail())].slice(-tailLinesMax)
  }

  #listen(stream: SpawnedProcess['stderr'], name: 'stderr' | 'stdout') {
    return readOutput(stream, {
      lineBytesMax: this.#options.lineBytesMax(),
      tailLines: tailLinesMax,
      onLine: (text, part) => this.#say(name, text, part),
    })
  }

  #say(stream: 'stderr' | 'stdout', text: string, part: LinePart | undefined): void {
    this.#worker?.hear(text)
    const job = this.#worker?.job
    this.#options.writeLine({
      pool: this.#options.pool,
      pid: this.#pid,
      stream,
      text,
      ...(job?.id === undefined ? {} : { job: job.id }),
      ...(job?.requestId === undefined ? {} : { requestId: job.requestId }),
      ...(job?.tenantId === undefined ? {} : { tenantId: job.tenantId }),
      ...(part === undefined ? {} : { part }),
    })
  }
}
