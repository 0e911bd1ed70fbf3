/** What booting a process and booting a thread have in common: the worker around either, made of the pool's keys. */
import { onAbort } from '../../../core/abort.js'
import type { Clock } from '../../../core/clock.js'
import type { Random } from '../../../core/random.js'
import type { Logger } from '../../../logging/logger.js'
import type { OutputPacer } from '../../../logging/output-pacer.js'
import type { WorkerLine } from '../../../logging/worker-lines.js'
import { stackFeatures } from '../../worker/kill.js'
import type { WorkerProcess } from '../../worker/os/process.js'
import { Worker } from '../../worker/worker.js'
import type { PoolConfig } from '../keys.js'
import type { BootLines } from './boot-lines.js'
import type { WorkerEvents } from './boot-worker.js'
import type { WorkerOutput } from './worker-output.js'

/** What every worker of a pool is brought up with. */
export interface MakeOptions {
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

/** What of a worker is its own. */
export interface WorkerParts {
  readonly process: WorkerProcess
  /** Between SIGTERM and SIGKILL when a job ran out of time, in ms. */
  readonly killGraceMs: number
  readonly outputEnded: Promise<void>
  readonly output: WorkerOutput
}

/** Features that mean a signal. */
export const signalFeatures: ReadonlySet<string> = new Set(Object.values(stackFeatures))

// How long a worker may take to leave after the stop message, as in RoadRunner.
const stopTimeoutMs = 10_000
// RoadRunner spreads `max_jobs` by up to 14 %, so that workers do not all leave at once; 1 stays 1.
const jobsSpread = 0.15
// The share of its `max_jobs` after which a worker's successor boots; below twenty jobs there is none to spare.
const dueShare = 0.95

/** The worker around a process or a thread that has been started. */
export function makeWorker(options: MakeOptions, events: WorkerEvents, parts: WorkerParts): Worker {
  const { pool, config, clock, random, log } = options
  const { process, killGraceMs, outputEnded, output } = parts
  const jobsMax = jitter(config.max_jobs, random)
  return new Worker({
    pool,
    process,
    clock,
    log,
    jobsMax,
    jobsDue: Math.floor(jobsMax * dueShare),
    execTtlMs: config.supervisor.exec_ttl,
    killGraceMs,
    stopTimeoutMs,
    streamTimeoutMs: config.stream_timeout,
    lastLines: () => output.lastLines(),
    outputEnded,
    onJunk: (bytes) => output.junk(bytes),
    endLines: () => output.endLines(),
    onDue: events.onDue,
    onLeaving: events.onLeaving,
    onExited: events.onExited,
    onDeadline: events.onDeadline,
  })
}

/** The effective `max_jobs` of one worker. */
function jitter(jobsMax: number, random: Random): number {
  return jobsMax + Math.floor(jobsMax * jobsSpread * random())
}

/** Runs `act` with a signal that aborts when the process has ended, and when `signal` does. */
export async function whileAlive<T>(
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
