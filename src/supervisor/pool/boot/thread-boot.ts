/** Boots workers that are threads of the server: starts one, connects its output and its relay, and explains a boot that failed. */
import { handshake } from '../../../ipc/handshake.js'
import { defaultRelayLimits } from '../../../ipc/relay.js'
import { StreamRelay, sourceOf } from '../../../ipc/relays/stream-relay.js'
import type { StartedThread } from '../../worker/os/thread.js'
import { WorkerOutput } from '../../worker/output.js'
import { numberOf } from '../../worker/worker-id.js'
import { bootThrough } from './boot-lines.js'
import {
  type BootStrategy,
  type BringUpOptions,
  bringUp,
  type ConnectedRelay,
  type Started,
  withoutSignals,
} from './bring-up.js'
import { threadProgram } from './thread-program.js'

/** Options for the threads of one pool. */
export interface ThreadBootOptions extends BringUpOptions {
  readonly env: Readonly<Record<string, string>>
}

// `max_worker_memory` replaces a thread once it is free, as it does a process. V8's own limit ends it at once, so it is higher.
const hardLimitTimes = 2
// Node itself needs a few MB of heap to start.
const heapMegabytesMin = 32
const spokenMax = 5

/** Makes the boot strategy of a pool whose workers are threads. */
export function threadBoot(options: ThreadBootOptions): BootStrategy {
  const threads = new Map<number, StartedThread>()
  const boot = bootThrough(options.lines, options.writeLine, (writeLine) => async (events, signal) => {
    const own = { ...options, writeLine }
    const thread = await start(own)
    const { id, exited } = thread.process
    threads.set(numberOf(id), thread)
    void exited.then(() => threads.delete(numberOf(id)))
    return bringUp(own, startedOf(own, thread), events, signal)
  })
  return { boot, measure: ({ pid }) => Promise.resolve(threads.get(pid)?.memoryBytes() ?? 0) }
}

function startedOf(options: ThreadBootOptions, thread: StartedThread): Started {
  const { process } = thread
  const output = new WorkerOutput({ ...options, id: process.id })
  for (const name of ['stdout', 'stderr'] as const) output.read({ stream: thread.output[name] }, name)
  return {
    process,
    output,
    // A thread knows no signals: it is ended at once.
    killGraceMs: 0,
    connect: (signal) => connect(options, thread, signal),
    explain: ({ code }, lastLines) => ({
      end: code === null ? '' : `; it ended with exit code ${code}`,
      said: wordsOf(lastLines),
      hint: 'The module must load, and export a function or call serve(), within allocate_timeout.',
    }),
  }
}

async function start(options: ThreadBootOptions): Promise<StartedThread> {
  // Loaded with the first thread: few servers have any, and the others start sooner.
  const { startThread } = await import('../../worker/os/thread.js')
  const { words, cwd, config, clock } = options
  const program = threadProgram(words, cwd)
  const limit = config.supervisor.max_worker_memory
  return startThread({
    ...program,
    env: options.env,
    heapMegabytesMax: limit === 0 ? 0 : Math.max(heapMegabytesMin, hardLimitTimes * limit),
    clock,
  })
}

async function connect(
  { config, clock }: ThreadBootOptions,
  { stream }: StartedThread,
  signal: AbortSignal,
): Promise<ConnectedRelay> {
  const relay = new StreamRelay(sourceOf(stream), stream, defaultRelayLimits)
  const announced = await handshake(relay, {
    ownPid: process.pid,
    timeoutMs: config.allocate_timeout,
    clock,
    signal,
    onJunk: () => undefined,
  })
  // Its number is not a process that a signal could be sent to.
  return { relay, ...withoutSignals(announced) }
}

/** Returns the last lines without the frames of the stack, which are Node's own for the most part; all lines are beside the fault. */
function wordsOf(lastLines: readonly string[]): string {
  const spoken = lastLines.filter((line) => line !== '' && !/^\s+at /.test(line))
  return spoken.slice(-spokenMax).join(' | ')
}
