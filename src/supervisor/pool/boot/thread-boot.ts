/** Brings one thread up to its PID reply, as `process-boot.ts` does a process: the worker around it is the same. */
import type { Clock } from '../../../core/clock.js'
import { ErrorCode, messageOf, RelayError } from '../../../core/errors.js'
import { LineSplitter } from '../../../core/line-splitter.js'
import type { Logger } from '../../../core/log.js'
import type { Random } from '../../../core/random.js'
import type { WorkerLine } from '../../../core/worker-lines.js'
import { handshake } from '../../../ipc/handshake.js'
import { defaultRelayLimits } from '../../../ipc/relay.js'
import { StreamRelay } from '../../../ipc/stream-relay.js'
import type { ThreadOutput } from '../../../ipc/thread-relay.js'
import { type StartedThread, startThread } from '../../worker/thread.js'
import { Worker } from '../../worker/worker.js'
import type { PoolConfig } from '../pool-keys.js'
import type { BootWorker, WorkerEvents } from '../process-pool.js'
import { dueShare, jitter, signalFeatures, stopTimeoutMs, tailLinesMax } from './process-boot.js'
import { threadProgram } from './thread-program.js'

/** What threads of one pool are brought up with. */
export interface ThreadBootOptions {
  readonly pool: string
  readonly words: readonly string[]
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
  readonly config: PoolConfig
  readonly lineBytesMax: () => number
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  readonly writeLine: (line: WorkerLine) => void
  /** A thread lives; called before its PID reply. */
  readonly onStarted: (thread: StartedThread) => void
}

// `max_worker_memory` replaces a thread once it is free, as it does a process. V8's own limit ends it at once, so it is higher.
const hardLimitTimes = 2
// Node itself needs a few MB of heap to start.
const heapMegabytesMin = 32

/** Makes the function that a pool calls for each thread. */
export function threadBooter(options: ThreadBootOptions): BootWorker {
  return (events, signal) => bootThread(options, events, signal)
}

async function bootThread(
  options: ThreadBootOptions,
  events: WorkerEvents,
  signal: AbortSignal,
): Promise<Worker> {
  const voice = new ThreadVoice(options)
  const thread = await start(options, voice)
  options.onStarted(thread)
  void thread.outputEnded.then(() => voice.end())
  const worker = makeWorker({ options, events, voice, thread })
  voice.speakFor(worker)
  const bootEnded = events.onBooting(() => voice.lastLines())
  try {
    await connect(options, thread, worker, signal)
    return worker
  } catch (error) {
    // The thread may be ending by itself, and what it says is the reason.
    worker.kill(signal.aborted ? 'forced' : 'boot_failed')
    const exit = await thread.process.exited
    await thread.outputEnded
    throw bootFault({ options, voice, thread, error, code: exit.code })
  } finally {
    bootEnded()
  }
}

function start(options: ThreadBootOptions, voice: ThreadVoice): Promise<StartedThread> {
  const { words, cwd, config, clock } = options
  const { env, ...program } = threadProgram(words, cwd)
  const limit = config.supervisor.max_worker_memory
  return startThread({
    ...program,
    env: { ...options.env, ...env },
    heapMegabytesMax: limit === 0 ? 0 : Math.max(heapMegabytesMin, hardLimitTimes * limit),
    onOutput: (output) => voice.hear(output),
    clock,
  })
}

function makeWorker(parts: {
  options: ThreadBootOptions
  events: WorkerEvents
  voice: ThreadVoice
  thread: StartedThread
}): Worker {
  const { options, events, voice, thread } = parts
  const { pool, config, clock, random, log } = options
  const jobsMax = jitter(config.max_jobs, random)
  return new Worker({
    pool,
    process: thread.process,
    clock,
    log,
    jobsMax,
    jobsDue: Math.floor(jobsMax * dueShare),
    execTtlMs: config.supervisor.exec_ttl,
    stopTimeoutMs,
    // A thread knows no signals: it is ended at once.
    killGraceMs: 0,
    streamTimeoutMs: config.stream_timeout,
    lastLines: () => voice.lastLines(),
    outputEnded: thread.outputEnded,
    onJunk: (bytes) => voice.hear({ output: 'stdout', bytes }),
    onJunkEnd: () => voice.end(),
    onDue: events.onDue,
    onLeaving: events.onLeaving,
    onExited: events.onExited,
    onDeadline: events.onDeadline,
  })
}

async function connect(
  { config, clock }: ThreadBootOptions,
  { process, stream }: StartedThread,
  worker: Worker,
  signal: AbortSignal,
): Promise<void> {
  const ended = new AbortController()
  const stop = () => ended.abort()
  void process.exited.then(stop)
  if (signal.aborted) stop()
  signal.addEventListener('abort', stop, { once: true })
  try {
    const relay = new StreamRelay(stream, stream, defaultRelayLimits)
    const { features } = await handshake(relay, {
      ownPid: globalThis.process.pid,
      timeoutMs: config.allocate_timeout,
      clock,
      signal: ended.signal,
      onJunk: () => undefined,
    })
    // Its number is no process that a signal could be sent to.
    const known = features.filter((feature) => !signalFeatures.has(feature))
    worker.adopt(relay, known)
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

function bootFault(about: {
  options: ThreadBootOptions
  voice: ThreadVoice
  thread: StartedThread
  error: unknown
  code: number | null
}): Error {
  const { options, voice, thread, error, code } = about
  const lastLines = voice.lastLines()
  const end = code === null ? '' : `; it ended with exit code ${code}`
  // Without the frames of the stack, which are Node's own for the most part; all lines are beside the fault.
  const spoken = lastLines.filter((line) => line !== '' && !/^\s+at /.test(line))
  const said = spoken.length === 0 ? '' : `; its last lines: ${spoken.slice(-5).join(' | ')}`
  const text = `thread ${thread.process.pid} of pool "${options.pool}" did not become ready: ${messageOf(error)}${end}${said}`
  const fault = new RelayError(ErrorCode.WorkerBoot, text, {
    hint: 'The module must load, and export a function or call serve(), within allocate_timeout.',
    cause: error,
  })
  return Object.assign(fault, { lastLines, pid: thread.process.pid })
}

/** What a thread prints, as lines of the log. */
class ThreadVoice {
  readonly #options: ThreadBootOptions
  readonly #splitters: Readonly<Record<'stdout' | 'stderr', LineSplitter>>
  readonly #lastLines: string[] = []
  #worker: Worker | undefined

  constructor(options: ThreadBootOptions) {
    this.#options = options
    this.#splitters = { stdout: this.#splitter('stdout'), stderr: this.#splitter('stderr') }
  }

  speakFor(worker: Worker): void {
    this.#worker = worker
  }

  hear({ output, bytes }: ThreadOutput): void {
    this.#splitters[output].push(Buffer.from(bytes))
  }

  end(): void {
    this.#splitters.stdout.end()
    this.#splitters.stderr.end()
  }

  lastLines(): readonly string[] {
    return [...this.#lastLines]
  }

  #splitter(stream: 'stdout' | 'stderr'): LineSplitter {
    return new LineSplitter({
      lineBytesMax: this.#options.lineBytesMax(),
      onLine: (text, part) => {
        if (this.#lastLines.push(text.slice(0, 2048)) > tailLinesMax) this.#lastLines.shift()
        const { pool, writeLine } = this.#options
        const job = this.#worker?.job
        this.#worker?.hear(text)
        writeLine({
          pool,
          pid: process.pid,
          ...(this.#worker === undefined ? {} : { thread: this.#worker.pid }),
          stream,
          text,
          ...(job?.id === undefined ? {} : { job: job.id }),
          ...(job?.requestId === undefined ? {} : { requestId: job.requestId }),
          ...(job?.tenantId === undefined ? {} : { tenantId: job.tenantId }),
          ...(part === undefined ? {} : { part }),
        })
      },
    })
  }
}
