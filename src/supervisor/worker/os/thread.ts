/**
 * One thread of a worker, made and ended by tinypool: a pool of one thread that runs one task for its whole life, so that each thread
 * can be replaced by itself. To the rest of the server it is a process: it ends with a code, or is killed.
 */
import type { Duplex, Readable } from 'node:stream'
import { MessageChannel } from 'node:worker_threads'
import { onAbort } from '../../../core/abort.js'
import { assert } from '../../../core/assert.js'
import type { Clock } from '../../../core/clock.js'
import { messageOf } from '../../../core/errors.js'
import { builtFile } from '../../../core/package-files.js'
import { OutputReceiver, unreadBytes } from '../../../ipc/relays/thread-output.js'
import { portStream, type ThreadStart } from '../../../ipc/relays/thread-relay.js'
import type { ProcessExit, WorkerProcess } from './process.js'

/** Options of a thread. */
export interface ThreadOptions {
  /** The module's file. */
  readonly program: string
  /** Arguments of the module, from `process.argv[2]` on. */
  readonly argv: readonly string[]
  /** Options of Node's, such as `--enable-source-maps`. */
  readonly execArgv: readonly string[]
  readonly env: Readonly<Record<string, string>>
  /** V8's limit of the thread's old generation in MB; the thread ends when it is reached. 0: V8's own. */
  readonly heapMegabytesMax: number
  readonly clock: Clock
}

/** A running thread. */
export interface StartedThread {
  readonly process: WorkerProcess
  /** Relay of the thread. */
  readonly stream: Duplex
  /** Output of the thread, and the error that ended it; both end after the thread. */
  readonly output: { readonly stdout: Readable; readonly stderr: Readable }
  /** The heap and the buffers of its JavaScript, as of its last answer. */
  memoryBytes(): number
}

// JavaScript is ended within a millisecond. A thread within native code is not: it is given up, and ends when that code returns.
const endMsMax = 5_000

/** Starts a thread. Rejects when Node refuses its options. */
export async function startThread(options: ThreadOptions): Promise<StartedThread> {
  const { program, clock } = options
  const { port1, port2 } = new MessageChannel()
  const facts = new Float64Array(new SharedArrayBuffer(2 * Float64Array.BYTES_PER_ELEMENT))
  const unread = unreadBytes()
  const output = new OutputReceiver(unread)
  const threads = await makePool(options)
  const end = new AbortController()
  const told = new Set<unknown>()
  // As a process prints what ends it. Tinypool may tell it, too, unless it was told to forget the thread before.
  const tellFault = (error: unknown) => {
    if (told.has(error)) return
    told.add(error)
    output.add(`${faultText(error)}\n`)
  }
  const start: ThreadStart = { port: port2, program, facts, unread }
  threads.on('error', tellFault)
  threads.run(start, { transferList: [port2], signal: end.signal }).catch((error: unknown) => {
    if (!end.signal.aborted) tellFault(error)
  })
  const [thread] = threads.threads
  assert(thread !== undefined, 'tinypool began no thread')
  thread.on('error', tellFault)
  const id = { pid: process.pid, thread: thread.threadId }
  const exited = new Promise<ProcessExit>((resolve) => {
    // Node says 1 of a thread that was ended from outside, too.
    thread.on('exit', (code: number) => {
      const isKilled = end.signal.aborted && facts[1] === 0 && told.size === 0
      resolve(isKilled ? { code: null, signal: 'SIGKILL' } : { code, signal: null })
    })
    onAbort(end.signal, () =>
      clock.timer(endMsMax, () => resolve({ code: null, signal: 'SIGKILL' }), { unref: true }),
    )
  })
  // Tinypool hears of errors only: it is told to forget a thread that ended in any other way.
  const kill = () => end.abort()
  void exited.then(() => {
    kill()
    // Still ours when the thread ended before it was given the port; else this does nothing.
    port2.close()
  })
  const portClosed = new Promise<void>((resolve) => {
    port1.once('close', () => resolve())
  })
  // What ended the thread is told between the two.
  void Promise.all([portClosed, exited]).then(() => output.end())
  return {
    process: { id, input: undefined, output: undefined, exited, kill, terminate: kill },
    stream: portStream(port1, { onOutput: (said) => output.take(said) }),
    output,
    memoryBytes: () => facts[0] ?? 0,
  }
}

/** Makes a tinypool of one thread, which is begun when it is asked for and not replaced. */
async function makePool({ argv, execArgv, env, heapMegabytesMax }: ThreadOptions) {
  const { Tinypool } = await import('tinypool')
  return new Tinypool({
    filename: builtFile('workers/node/thread.js'),
    minThreads: 0,
    maxThreads: 1,
    // With them a thread that waits for its first task blocks.
    useAtomics: false,
    env: { ...env },
    argv: [...argv],
    ...(execArgv.length === 0 ? {} : { execArgv: [...execArgv] }),
    ...(heapMegabytesMax === 0 ? {} : { resourceLimits: { maxOldGenerationSizeMb: heapMegabytesMax } }),
  })
}

/** Returns the stack as the thread's author needs it: an end by the memory limit has one that is Node's alone. */
function faultText(error: unknown): string {
  if (!(error instanceof Error)) return messageOf(error)
  const lines = (error.stack ?? error.message).split('\n')
  return lines.filter((line) => !/^\s+at .*node:internal\/worker/.test(line)).join('\n')
}
