/**
 * Brings up a worker around a process or thread that has been started: output, relay, PID handshake. When a step fails everything that
 * was begun is undone, and the fault carries the last lines of the worker's output, which its author needs to see.
 */
import { onAbort } from '../../../core/abort.js'
import type { Clock } from '../../../core/clock.js'
import { ErrorCode, messageOf, RelayError } from '../../../core/errors.js'
import type { Random } from '../../../core/random.js'
import type { Announced } from '../../../ipc/control.js'
import type { Relay } from '../../../ipc/relay.js'
import type { Logger } from '../../../logging/logger.js'
import type { OutputPacer } from '../../../logging/output-pacer.js'
import type { WorkerLine } from '../../../logging/worker-lines.js'
import type { ProcessExit, WorkerProcess } from '../../worker/os/process.js'
import type { WorkerOutput } from '../../worker/output.js'
import { stackFeatures } from '../../worker/stack-request.js'
import { Worker } from '../../worker/worker.js'
import { labelOf, numberOf } from '../../worker/worker-id.js'
import type { PoolConfig } from '../keys.js'
import type { BootLines } from './boot-lines.js'
import type { BootWorker, WorkerCallbacks } from './boot-worker.js'

/** Options for all workers of a pool. */
export interface BringUpOptions {
  readonly pool: string
  readonly words: readonly string[]
  readonly cwd: string
  readonly config: PoolConfig
  readonly lineBytesMax: () => number
  readonly pacer: OutputPacer
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  readonly writeLine: (line: WorkerLine) => void
  /** Holds the output of boots, so that a repeated failure is logged once; without it all output is written. */
  readonly lines?: BootLines | undefined
}

/** Relay of a worker that has answered the PID request, and what it announced. */
export interface ConnectedRelay extends Announced {
  readonly relay: Relay
}

/** A started process or thread that is not a worker yet. */
export interface Started {
  readonly process: WorkerProcess
  readonly output: WorkerOutput
  /** Time between SIGTERM and SIGKILL when a job ran out of time, in ms. */
  readonly killGraceMs: number
  /** Resolves with the answer to the PID request. */
  readonly connect: (signal: AbortSignal) => Promise<ConnectedRelay>
  /**
   * Describes a boot that failed: how the process ended, and the part of its output that tells why; empty when there is
   * none.
   */
  readonly explain: (
    exit: ProcessExit,
    lastLines: readonly string[],
  ) => { end: string; said: string; hint: string }
}

/** Boots the workers of one pool, and measures them. */
export interface BootStrategy {
  readonly boot: BootWorker
  /** Resolves with the bytes of a worker and its children. */
  readonly measure: (worker: Worker) => Promise<number>
}

// Features that mean a signal.
const signalFeatures: ReadonlySet<string> = new Set(Object.values(stackFeatures))

// How long a worker may take to leave after the stop message, as in RoadRunner.
const stopTimeoutMs = 10_000
// A handler that hears of its cancellation ends at once; one that does not will not end later, either.
const cancelGraceMs = 1000
// RoadRunner spreads `max_jobs` by up to 14 %, so that workers do not all leave at once; 1 stays 1.
const jobsSpread = 0.15
// The share of its `max_jobs` after which a worker's successor boots; below twenty jobs there is none to spare.
const dueShare = 0.95

/** Brings up a worker; rejects with a `BootFault`. Aborting kills what was started. */
export async function bringUp(
  options: BringUpOptions,
  started: Started,
  events: WorkerCallbacks,
  signal: AbortSignal,
): Promise<Worker> {
  const { process, output, connect } = started
  const worker = makeWorker(options, started, events)
  const bootEnded = events.onBooting(() => output.last())
  try {
    const { relay, ...announced } = await whileAlive(process, signal, connect)
    worker.adopt(relay, announced)
    return worker
  } catch (error) {
    worker.kill(signal.aborted ? 'forced' : 'boot_failed')
    // It may be ending by itself, and its output is the reason.
    const exit = await process.exited
    await output.ended
    throw bootFault({ pool: options.pool, started, exit, error })
  } finally {
    bootEnded()
  }
}

/** Leaves out the features that need a signal, for a wrapper that such a signal would kill. */
export function withoutSignals(announced: Announced): Announced {
  return { ...announced, features: announced.features.filter((feature) => !signalFeatures.has(feature)) }
}

function makeWorker(options: BringUpOptions, started: Started, events: WorkerCallbacks): Worker {
  const { pool, config, clock, random, log } = options
  const { process, killGraceMs, output } = started
  const jobsMax = jitter(config.max_jobs, random)
  return new Worker({
    pool,
    process,
    clock,
    log,
    output,
    jobsMax,
    jobsDue: Math.floor(jobsMax * dueShare),
    execTtlMs: config.supervisor.exec_ttl,
    killGraceMs,
    stopTimeoutMs,
    streamTimeoutMs: config.stream_timeout,
    onDue: events.onDue,
    onLeaving: events.onLeaving,
    onExited: events.onExited,
    onDeadline: events.onDeadline,
    cancelGraceMs,
    leaveTimeoutMs: config.destroy_timeout,
    onWithdraw: events.onWithdraw,
    onPlace: events.onPlace,
  })
}

/** Returns the effective `max_jobs` of one worker. */
function jitter(jobsMax: number, random: Random): number {
  return jobsMax + Math.floor(jobsMax * jobsSpread * random())
}

/** Runs `act` with a signal that aborts when the process has ended, and when `signal` does. */
async function whileAlive<T>(
  process: WorkerProcess,
  signal: AbortSignal,
  act: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const ended = new AbortController()
  const stop = () => ended.abort()
  void process.exited.then(stop)
  const stopListening = onAbort(signal, stop)
  try {
    return await act(ended.signal)
  } finally {
    stopListening()
  }
}

function bootFault(about: { pool: string; started: Started; exit: ProcessExit; error: unknown }): Error {
  const { pool, started, exit, error } = about
  const { id } = started.process
  const lastLines = started.output.last()
  const { end, said, hint } = started.explain(exit, lastLines)
  const text = `${labelOf(id)} of pool "${pool}" did not become ready: ${messageOf(error)}${end}`
  const whole = said === '' ? text : `${text}; its last lines: ${said}`
  const fault = new RelayError(ErrorCode.WorkerBoot, whole, { hint, cause: error })
  return Object.assign(fault, { lastLines, pid: numberOf(id), summary: text })
}
