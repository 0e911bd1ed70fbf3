/**
 * Brings one worker up: process, output, relay, PID handshake. Everything that was begun is undone when a step fails, and
 * the fault carries the worker's last lines, which is what its author needs to see.
 */
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { ErrorCode, messageOf, RelayError } from '../../../core/errors.js'
import { handshake } from '../../../ipc/handshake.js'
import type { RelayListener } from '../../../ipc/listener.js'
import { defaultRelayLimits, type Relay } from '../../../ipc/relay.js'
import { pipesRelay } from '../../../ipc/relays/pipes-relay.js'
import { lastWords } from '../../worker/job/outcome.js'
import { exactWords, namesLostInShell } from '../../worker/os/exact-launch.js'
import type { LaunchSettings } from '../../worker/os/launcher.js'
import {
  type ProcessExit,
  type SpawnedProcess,
  type SpawnOptions,
  spawnProcess,
  type WorkerProcess,
} from '../../worker/os/process.js'
import type { Watchdog } from '../../worker/os/watchdog.js'
import type { Worker } from '../../worker/worker.js'
import { bootThrough } from './boot-lines.js'
import type { BootWorker, WorkerEvents } from './boot-worker.js'
import { type MakeOptions, makeWorker, signalFeatures, whileAlive } from './make-worker.js'
import type { OutputFifos } from './output-fifos.js'
import { WorkerOutput } from './worker-output.js'

/** What the processes of one pool are brought up with. */
export interface ProcessBootOptions extends MakeOptions {
  /** The environment, given what RR_RELAY says. */
  readonly env: (relayAddress: string) => Readonly<Record<string, string>>
  readonly settings: LaunchSettings
  readonly fifos: OutputFifos
  /** Resolves when the watchdog listens; undefined when there is none. */
  readonly watchdog: Promise<Watchdog | undefined>
  /** The listener of a socket relay; undefined: pipes. */
  readonly listener: Promise<RelayListener> | undefined
}

/** Makes the function that a pool calls for each process. */
export function processBooter(options: ProcessBootOptions): BootWorker {
  let isFirst = true
  return bootThrough(options.lines, options.writeLine, (writeLine) => (events, signal) => {
    if (isFirst) warnOfLostNames(options)
    isFirst = false
    return bootProcess({ ...options, writeLine }, events, signal)
  })
}

/** Names the variables, not their values, that cannot be handed on here. */
function warnOfLostNames({ pool, env, settings, log }: ProcessBootOptions): void {
  const names = namesLostInShell(env('pipes'))
  if (names.length === 0 || exactWords(settings.identity) !== undefined) return
  const text =
    'workers do not get these variables as they are: the launcher’s shell drops or changes them, and there is no setpriv of util-linux'
  log.warn({ pool, names }, text)
}

async function bootProcess(
  options: ProcessBootOptions,
  events: WorkerEvents,
  signal: AbortSignal,
): Promise<Worker> {
  const watchdog = await options.watchdog
  const listener = await options.listener
  const owner = options.settings.identity
  const [stderr, stdout] = [await options.fifos.take(owner), listener && (await options.fifos.take(owner))]
  signal.throwIfAborted()
  const outputs = stderr && { stderr, ...(stdout && { stdout }) }
  const { process, ...streams } = spawnOrClose(options, { listener, outputs, watchdog })
  const { output, ended: outputEnded } = readOutput(options, { process, ...streams })
  const killGraceMs = options.config.supervisor.kill_grace
  const worker = makeWorker(options, events, { process, killGraceMs, outputEnded, output })
  output.tagWith(worker)
  const bootEnded = events.onBooting(() => output.lastLines())
  try {
    const { relay, features } = await whileAlive(process, signal, (alive) =>
      connect(options, { process, listener, output, signal: alive }),
    )
    worker.adopt(relay, features)
    return worker
  } catch (error) {
    worker.kill(signal.aborted ? 'forced' : 'boot_failed')
    const exit = await process.exited
    await outputEnded
    throw bootFault({ options, worker, lastLines: output.lastLines(), exit, error })
  } finally {
    bootEnded()
  }
}

function bootFault(about: {
  options: ProcessBootOptions
  worker: Worker
  lastLines: readonly string[]
  exit: ProcessExit
  error: unknown
}): Error {
  const { options, worker, lastLines, exit, error } = about
  const end = exit.signal === 'SIGKILL' ? '' : `; it ended with ${exit.signal ?? `exit code ${exit.code}`}`
  const said = lastWords(lastLines)
  const text = `worker ${worker.pid} of pool "${options.pool}" did not become ready: ${messageOf(error)}${end}`
  const whole = said === '' ? text : `${text}; its last lines: ${said}`
  const fault = new RelayError(ErrorCode.WorkerBoot, whole, {
    hint: bootHint(options, exit),
    cause: error,
  })
  return Object.assign(fault, { lastLines, pid: worker.pid, summary: text })
}

const scriptName = /\.(php|phar|m?js|cjs|ts|py|rb|pl|sh)$/

/** Hint for a boot that failed: names the missing file, or the missing call. */
function bootHint({ words, cwd, config }: ProcessBootOptions, exit: ProcessExit): string {
  const script = words.slice(1).find((word) => !word.startsWith('-') && scriptName.test(word))
  if (script !== undefined && !existsSync(resolve(cwd, script)))
    return `There is no file ${resolve(cwd, script)}: paths count from the working directory (\`cwd\`, -w, else the folder of the config file).`
  const command = words.join(' ')
  const serve =
    'it must call serve() (Node, Python), Worker::serve() (PHP), or whatever waits for jobs in its package'
  if (exit.code === 0) return `\`${command}\` ended without waiting for jobs: ${serve}.`
  return `Run \`${command}\` by hand: within allocate_timeout (${config.allocate_timeout} ms) ${serve}.`
}

/** Starts the process; when there is nothing to start, the FIFOs that were opened for it are closed. */
function spawnOrClose(
  options: ProcessBootOptions,
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

async function connect(
  { config, clock }: ProcessBootOptions,
  made: {
    process: WorkerProcess
    listener: RelayListener | undefined
    output: WorkerOutput
    signal: AbortSignal
  },
): Promise<{ readonly relay: Relay; readonly features: readonly string[] }> {
  const { process, listener, output, signal } = made
  const timeoutMs = config.allocate_timeout
  if (listener !== undefined) return listener.expect(process.pid, { timeoutMs, signal })
  if (process.output === undefined || process.input === undefined) throw new Error('the process has no pipes')
  const relay = pipesRelay(process.output, process.input, defaultRelayLimits)
  const { pid, features } = await handshake(relay, {
    ownPid: globalThis.process.pid,
    timeoutMs,
    clock,
    signal,
    onJunk: (bytes) => output.junk(bytes),
  })
  // A wrapper that did not become the worker would die of a signal that is meant for the worker.
  const known = pid === process.pid ? features : features.filter((one) => !signalFeatures.has(one))
  return { relay, features: known }
}

/** Reads what a process writes beside its answers; `ended` resolves when all of it has been read. */
function readOutput(options: ProcessBootOptions, { process, stderr, stdout }: SpawnedProcess) {
  const output = new WorkerOutput({ ...options, names: () => ({ pid: process.pid }) })
  const ends = [output.read(stderr, 'stderr'), ...(stdout ? [output.read(stdout, 'stdout')] : [])]
  return { output, ended: Promise.all(ends).then(() => output.endLines()) }
}
