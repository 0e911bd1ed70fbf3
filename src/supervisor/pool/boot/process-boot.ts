/** Boots workers that are child processes: starts one, connects its output and its relay, and explains a boot that failed. */
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { handshake } from '../../../ipc/handshake.js'
import type { RelayListener } from '../../../ipc/listener.js'
import { defaultRelayLimits } from '../../../ipc/relay.js'
import { pipesRelay } from '../../../ipc/relays/pipes-relay.js'
import { treeBytes } from '../../machine/memory.js'
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
import { WorkerOutput } from '../../worker/output.js'
import { bootThrough } from './boot-lines.js'
import {
  type BootStrategy,
  type BringUpOptions,
  bringUp,
  type ConnectedRelay,
  type Started,
  withoutSignals,
} from './bring-up.js'
import type { OutputFifos } from './output-fifos.js'

/** Options for the processes of one pool. */
export interface ProcessBootOptions extends BringUpOptions {
  /** The environment, given what RR_RELAY says. */
  readonly env: (relayAddress: string) => Readonly<Record<string, string>>
  readonly settings: LaunchSettings
  readonly fifos: OutputFifos
  /** Resolves when the watchdog listens; undefined when there is none. */
  readonly watchdog: Promise<Watchdog | undefined>
  /** The listener of a socket relay; undefined: pipes. */
  readonly listener: Promise<RelayListener> | undefined
}

/** Makes the boot strategy of a pool whose workers are processes. */
export function processBoot(options: ProcessBootOptions): BootStrategy {
  let isFirst = true
  const boot = bootThrough(options.lines, options.writeLine, (writeLine) => async (events, signal) => {
    if (isFirst) warnOfLostNames(options)
    isFirst = false
    const own = { ...options, writeLine }
    return bringUp(own, await startProcess(own, signal), events, signal)
  })
  return { boot, measure: ({ pid }) => treeBytes(pid) }
}

/** Names the variables, not their values, that cannot be handed on here. */
function warnOfLostNames({ pool, env, settings, log }: ProcessBootOptions): void {
  const names = namesLostInShell(env('pipes'))
  if (names.length === 0 || exactWords(settings.identity) !== undefined) return
  const text =
    'workers do not get these variables as they are: the launcher’s shell drops or changes them, and there is no setpriv of util-linux'
  log.warn({ pool, names }, text)
}

async function startProcess(options: ProcessBootOptions, signal: AbortSignal): Promise<Started> {
  const watchdog = await options.watchdog
  const listener = await options.listener
  const owner = options.settings.identity
  const [stderr, stdout] = [await options.fifos.take(owner), listener && (await options.fifos.take(owner))]
  signal.throwIfAborted()
  const outputs = stderr && { stderr, ...(stdout && { stdout }) }
  const { process, ...streams } = spawnOrClose(options, { listener, outputs, watchdog })
  const output = new WorkerOutput({ ...options, id: process.id })
  output.read(streams.stderr, 'stderr')
  if (streams.stdout !== undefined) output.read(streams.stdout, 'stdout')
  return {
    process,
    output,
    killGraceMs: options.config.supervisor.kill_grace,
    connect: (alive) => connect(options, { process, listener, output, signal: alive }),
    explain: (exit, lastLines) => ({
      end: exit.signal === 'SIGKILL' ? '' : `; it ended with ${exit.signal ?? `exit code ${exit.code}`}`,
      said: lastWords(lastLines),
      hint: bootHint(options, exit),
    }),
  }
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
): Promise<ConnectedRelay> {
  const { process, listener, output, signal } = made
  const timeoutMs = config.allocate_timeout
  if (listener !== undefined) return listener.expect(process.id.pid, { timeoutMs, signal })
  if (process.output === undefined || process.input === undefined) throw new Error('the process has no pipes')
  const relay = pipesRelay(process.output, process.input, defaultRelayLimits)
  const { pid, features } = await handshake(relay, {
    ownPid: globalThis.process.pid,
    timeoutMs,
    clock,
    signal,
    onJunk: (bytes) => output.addStray(bytes),
  })
  // A wrapper that did not become the worker would die of a signal that is meant for the worker.
  return { relay, features: pid === process.id.pid ? features : withoutSignals(features) }
}
