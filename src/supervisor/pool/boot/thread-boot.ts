/** Brings one thread up to its PID reply, as `process-boot.ts` does a process: the worker around it is the same. */
import { ErrorCode, messageOf, RelayError } from '../../../core/errors.js'
import { handshake } from '../../../ipc/handshake.js'
import { defaultRelayLimits } from '../../../ipc/relay.js'
import { StreamRelay } from '../../../ipc/relays/stream-relay.js'
import type { StartedThread } from '../../worker/os/thread.js'
import type { Worker } from '../../worker/worker.js'
import { bootThrough } from './boot-lines.js'
import type { BootWorker, WorkerEvents } from './boot-worker.js'
import { type MakeOptions, makeWorker, signalFeatures, whileAlive } from './make-worker.js'
import { threadProgram } from './thread-program.js'
import { WorkerOutput } from './worker-output.js'

/** What threads of one pool are brought up with. */
export interface ThreadBootOptions extends MakeOptions {
  readonly env: Readonly<Record<string, string>>
  /** A thread lives; called before its PID reply. */
  readonly onStarted: (thread: StartedThread) => void
}

// `max_worker_memory` replaces a thread once it is free, as it does a process. V8's own limit ends it at once, so it is higher.
const hardLimitTimes = 2
// Node itself needs a few MB of heap to start.
const heapMegabytesMin = 32

/** Makes the function that a pool calls for each thread. */
export function threadBooter(options: ThreadBootOptions): BootWorker {
  return bootThrough(options.lines, options.writeLine, (writeLine) => (events, signal) => {
    return bootThread({ ...options, writeLine }, events, signal)
  })
}

async function bootThread(
  options: ThreadBootOptions,
  events: WorkerEvents,
  signal: AbortSignal,
): Promise<Worker> {
  const thread = await start(options)
  const { output, ended: outputEnded } = readOutput(options, thread)
  options.onStarted(thread)
  const { process } = thread
  // A thread knows no signals: it is ended at once.
  const worker = makeWorker(options, events, { process, killGraceMs: 0, outputEnded, output })
  output.tagWith(worker)
  const bootEnded = events.onBooting(() => output.lastLines())
  try {
    await whileAlive(process, signal, (alive) => connect(options, thread, worker, alive))
    return worker
  } catch (error) {
    // The thread may be ending by itself, and what it says is the reason.
    worker.kill(signal.aborted ? 'forced' : 'boot_failed')
    const exit = await process.exited
    await outputEnded
    throw bootFault({ options, output, thread, error, code: exit.code })
  } finally {
    bootEnded()
  }
}

async function start(options: ThreadBootOptions): Promise<StartedThread> {
  // Loaded with the first thread: few servers have any, and the others start sooner.
  const { startThread } = await import('../../worker/os/thread.js')
  const { words, cwd, config, clock } = options
  const { env, ...program } = threadProgram(words, cwd)
  const limit = config.supervisor.max_worker_memory
  return startThread({
    ...program,
    env: { ...options.env, ...env },
    heapMegabytesMax: limit === 0 ? 0 : Math.max(heapMegabytesMin, hardLimitTimes * limit),
    clock,
  })
}

async function connect(
  { config, clock }: ThreadBootOptions,
  { stream }: StartedThread,
  worker: Worker,
  signal: AbortSignal,
): Promise<void> {
  const relay = new StreamRelay(stream, stream, defaultRelayLimits)
  const { features } = await handshake(relay, {
    ownPid: process.pid,
    timeoutMs: config.allocate_timeout,
    clock,
    signal,
    onJunk: () => undefined,
  })
  // Its number is no process that a signal could be sent to.
  const known = features.filter((feature) => !signalFeatures.has(feature))
  worker.adopt(relay, known)
}

function bootFault(about: {
  options: ThreadBootOptions
  output: WorkerOutput
  thread: StartedThread
  error: unknown
  code: number | null
}): Error {
  const { options, output, thread, error, code } = about
  const lastLines = output.lastLines()
  const end = code === null ? '' : `; it ended with exit code ${code}`
  // Without the frames of the stack, which are Node's own for the most part; all lines are beside the fault.
  const spoken = lastLines.filter((line) => line !== '' && !/^\s+at /.test(line))
  const said = spoken.length === 0 ? '' : `; its last lines: ${spoken.slice(-5).join(' | ')}`
  const text = `thread ${thread.process.pid} of pool "${options.pool}" did not become ready: ${messageOf(error)}${end}`
  const fault = new RelayError(ErrorCode.WorkerBoot, `${text}${said}`, {
    hint: 'The module must load, and export a function or call serve(), within allocate_timeout.',
    cause: error,
  })
  return Object.assign(fault, { lastLines, pid: thread.process.pid, summary: text })
}

function readOutput(options: ThreadBootOptions, thread: StartedThread) {
  const names = (worker: Worker | undefined) => ({
    pid: process.pid,
    ...(worker === undefined ? {} : { thread: worker.pid }),
  })
  const output = new WorkerOutput({ ...options, names })
  const ends = (['stdout', 'stderr'] as const).map((name) =>
    output.read({ stream: thread.output[name] }, name),
  )
  return { output, ended: Promise.all(ends).then(() => undefined) }
}
