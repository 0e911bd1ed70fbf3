/**
 * One operating-system process of a worker: resolve the program, start it in a process group of its own, report its end,
 * kill the group. Knows nothing of frames or jobs.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { statSync, writeFileSync } from 'node:fs'
import type { Readable, Writable } from 'node:stream'
import { assert } from '../../../core/assert.js'
import { ErrorCode, messageOf, RelayError } from '../../../core/errors.js'
import type { WorkerId } from '../worker-id.js'
import { exactWords, needsExactLaunch } from './exact-launch.js'
import { type OpenFifo, readFifo } from './fifo.js'
import { type LaunchSettings, launcherOf } from './launcher.js'
import { resolveProgram } from './program.js'
import { fifosOf, type StandardFifos } from './standard-fifos.js'
import type { Watchdog } from './watchdog.js'

/** End of a process: a code, or the signal that killed it. */
export interface ProcessExit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** A running child. */
export interface WorkerProcess {
  readonly id: WorkerId
  /** The relay's two ends when it is a pair of sockets from Node. */
  readonly input: Writable | undefined
  readonly output: Readable | undefined
  /** Resolves once it has gone; its group may live on until `kill`. */
  readonly exited: Promise<ProcessExit>
  /** Sends SIGKILL to the whole process group; does nothing when it has ended. */
  kill(): void
  /** Sends SIGTERM, or another signal, to the whole process group. */
  terminate(signal?: NodeJS.Signals): void
}

/** Options of a process. */
export interface SpawnOptions {
  /** The program and its arguments, as the user wrote them. */
  readonly words: readonly string[]
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
  /** True: stdin and stdout are the relay, over FIFOs where these are given, else over socket pairs. */
  readonly usesPipes: boolean
  /** FIFOs for its standard streams. Undefined: socket pairs, when FIFOs cannot be made. */
  readonly fifos: StandardFifos | undefined
  /** Undefined: the process may outlive a killed server. */
  readonly watchdog: Watchdog | undefined
  readonly settings: LaunchSettings
}

/** A started child with the streams of its output. */
export interface SpawnedProcess {
  readonly process: WorkerProcess
  readonly stderr: OutputStream
  readonly stdout: OutputStream | undefined
}

/** A stream of output, and a way to read it at once where there is one. */
export interface OutputStream {
  readonly stream: Readable
  readonly readNow?: () => Buffer | undefined
}

/** A child that was started before the server was there, with its open FIFOs. */
export interface EarlyChild {
  readonly child: ChildProcess
  readonly exited: Promise<ProcessExit>
  readonly fifos: StandardFifos
}

/** Starts a worker's process. Throws RR_WORKER_COMMAND when there is nothing to start. */
export function spawnProcess(options: SpawnOptions): SpawnedProcess {
  const { child, isExact } = spawnChild(options)
  const exited = exitOf(child)
  // Before the streams are made, which close the FIFOs: when it fails, they are still the caller's.
  if (isExact && child.pid !== undefined) setOomScore(child.pid, options.settings.oomScoreAdj)
  return processOf(child, exited, options)
}

/** Takes over a child that was started with the same options. */
export function adoptProcess({ child, exited, fifos }: EarlyChild, options: SpawnOptions): SpawnedProcess {
  return processOf(child, exited, { ...options, fifos })
}

/** Starts the child and closes its ends of the FIFOs here. Throws RR_WORKER_COMMAND when there is nothing to start. */
export function spawnChild(options: SpawnOptions): {
  readonly child: ChildProcess
  readonly isExact: boolean
} {
  const [first, ...rest] = options.words
  if (first === undefined) {
    throw new RelayError(ErrorCode.WorkerCommand, 'the worker has an empty command', {
      hint: 'Set `server.command`, or `command` in the pool.',
    })
  }
  const program = resolveProgram(first, options.cwd, options.env.PATH ?? '/usr/local/bin:/usr/bin:/bin')
  const registerFds = options.watchdog?.registerFds ?? []
  const { fifos, settings } = options
  const { identity } = settings
  const isBare = registerFds.length === 0 && Object.values(settings).every((value) => value === undefined)
  const exact = !isBare && needsExactLaunch(options.env) ? exactWords(settings.identity) : undefined
  const start = isBare
    ? { file: program, args: rest, env: options.env }
    : exact === undefined
      ? launcherOf({ words: [program, ...rest], settings, env: options.env, cwd: options.cwd })
      : { file: exact[0] ?? program, args: [...exact.slice(1), program, ...rest], env: options.env }
  const child = withUmask(exact === undefined ? undefined : settings.umask, () =>
    spawn(start.file, start.args, {
      cwd: options.cwd,
      env: start.env,
      detached: true,
      // Where no words switch to it, Node does, and takes the supplementary groups away: there are none then.
      ...(identity?.prefix.length === 0 ? { uid: identity.uid, gid: identity.gid } : {}),
      stdio: [
        fifos?.relay?.stdin.childFd ?? (options.usesPipes ? 'pipe' : 'ignore'),
        (fifos?.relay?.stdout ?? fifos?.stdout)?.childFd ?? 'pipe',
        fifos?.stderr.childFd ?? 'pipe',
        // Nobody would close them but the launcher's shell.
        ...(exact === undefined ? registerFds : []),
      ],
    }),
  )
  for (const fifo of fifos === undefined ? [] : fifosOf(fifos)) fifo.closeChildEnd()
  return { child, isExact: exact !== undefined }
}

/** Resolves with the end of a child; to be called in the turn in which it was started. */
export function exitOf(child: ChildProcess): Promise<ProcessExit> {
  return new Promise((resolveExit) => {
    child.once('exit', (code, signal) => resolveExit({ code, signal }))
    // Without a pid the spawn itself failed (EAGAIN, EMFILE): there will be no exit.
    child.once('error', () => child.pid === undefined && resolveExit({ code: null, signal: null }))
  })
}

function processOf(child: ChildProcess, exited: Promise<ProcessExit>, options: SpawnOptions): SpawnedProcess {
  const { fifos } = options
  const worker = watch(child, exited, options)
  // Last, as nothing may fail any more: a stream owns its descriptor.
  return {
    process: worker,
    stderr: outputOf(fifos?.stderr, child.stderr),
    stdout: options.usesPipes ? undefined : outputOf(fifos?.stdout, child.stdout),
  }
}

/** Runs `start` under another umask: a child inherits it. The spawn is over when it returns. */
function withUmask<T>(octal: string | undefined, start: () => T): T {
  if (octal === undefined) return start()
  const before = process.umask(Number.parseInt(octal, 8))
  try {
    return start()
  } finally {
    process.umask(before)
  }
}

function setOomScore(pid: number, score: number | undefined): void {
  if (score === undefined) return
  try {
    writeFileSync(`/proc/${pid}/oom_score_adj`, String(score))
  } catch (error) {
    signalWorkerGroup(pid, 'SIGKILL')
    const what = `oom_score_adj ${score} was refused: ${messageOf(error)}`
    throw new RelayError(ErrorCode.WorkerBoot, what, {
      hint: 'Lowering it needs CAP_SYS_RESOURCE.',
      cause: error,
    })
  }
}

function watch(child: ChildProcess, exited: Promise<ProcessExit>, options: SpawnOptions): WorkerProcess {
  const { pid } = child
  const { watchdog } = options
  if (pid === undefined) {
    child.on('error', () => undefined)
    if (statSync(options.cwd, { throwIfNoEntry: false })?.isDirectory() !== true) {
      const what = `the working directory of ${options.words.join(' ')} is not there: ${options.cwd}`
      throw new RelayError(ErrorCode.WorkerBoot, what, { hint: 'Make the folder, or correct `cwd` or -w.' })
    }
    throw new RelayError(ErrorCode.WorkerBoot, `the system could not start ${options.words.join(' ')}`, {
      hint: 'The machine may be out of processes or descriptors: see `ulimit -a`.',
    })
  }
  watchdog?.add(pid)
  void exited.then(() => watchdog?.remove(pid))
  return {
    id: { pid },
    input: child.stdin ?? undefined,
    output: options.usesPipes ? (child.stdout ?? undefined) : undefined,
    exited,
    kill: () => signalWorkerGroup(pid, 'SIGKILL'),
    terminate: (signal = 'SIGTERM') => signalWorkerGroup(pid, signal),
  }
}

/** Stream of the FIFO, or else of the socket pair that Node made. */
function outputOf(fifo: OpenFifo | undefined, stream: Readable | null): OutputStream {
  if (fifo !== undefined) return readFifo(fifo)
  assert(stream !== null, 'a stream of output is neither a FIFO nor a socket')
  return { stream }
}

/** Sends a signal to the process group of a child; does nothing when it has gone. */
export function signalWorkerGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal)
  } catch {
    // ESRCH: the group has gone, which is what was wanted. (EPERM cannot be: the group is our own children's.)
  }
}
