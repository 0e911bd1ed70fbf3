/** Boots workers that are child processes: starts one, connects its output and its relay, and explains a boot that failed. */
import { onAbort } from '../../../core/abort.js'
import { assert } from '../../../core/assert.js'
import type { Clock } from '../../../core/clock.js'
import { ErrorCode, RelayError } from '../../../core/errors.js'
import { handshake } from '../../../ipc/handshake.js'
import type { RelayListener } from '../../../ipc/listener.js'
import { defaultRelayLimits, type Relay } from '../../../ipc/relay.js'
import { fifoRelay } from '../../../ipc/relays/fifo-relay.js'
import { pipesRelay } from '../../../ipc/relays/pipes-relay.js'
import { treeBytes } from '../../machine/memory.js'
import { lastWords } from '../../worker/job/outcome.js'
import type { EarlyChildren } from '../../worker/os/early.js'
import { exactWords, namesLostInShell } from '../../worker/os/exact-launch.js'
import type { LaunchSettings } from '../../worker/os/launcher.js'
import {
  adoptProcess,
  type EarlyChild,
  type SpawnedProcess,
  type SpawnOptions,
  spawnProcess,
  type WorkerProcess,
} from '../../worker/os/process.js'
import {
  fifoCounts,
  fifosOf,
  openStandardFifos,
  type StandardFifos,
  type StandardUse,
} from '../../worker/os/standard-fifos.js'
import type { Watchdog } from '../../worker/os/watchdog.js'
import { WorkerOutput } from '../../worker/output.js'
import { bootHint } from './boot-hint.js'
import { bootThrough } from './boot-lines.js'
import { type BootStrategy, type BringUpOptions, bringUp, type Started, withoutSignals } from './bring-up.js'
import type { FifoStock } from './fifo-stock.js'

/** Options for the processes of one pool. */
export interface ProcessBootOptions extends BringUpOptions {
  /** The environment, given what RR_RELAY says. */
  readonly env: (relayAddress: string) => Readonly<Record<string, string>>
  readonly settings: LaunchSettings
  readonly fifos: FifoStock
  /** Resolves when the watchdog listens; undefined when there is none. */
  readonly watchdog: Promise<Watchdog | undefined>
  /** The listener of a socket relay; undefined: standard input and output. */
  readonly listener: Promise<RelayListener> | undefined
  /** Use of standard input and output: the relay over FIFOs or over socket pairs, or output beside a socket relay. */
  readonly standardUse: StandardUse
  /** True: a boot fails where no FIFO can be made; else workers get socket pairs then. */
  readonly needsFifos: boolean
  /** True: the first workers do not wait for the watchdog; until they have their first job, the end of their input ends them. */
  readonly startsFirst?: boolean
  /** Children that were started before the server was there. */
  readonly early?: Pick<EarlyChildren, 'take'> | undefined
}

/** Makes the boot strategy of a pool whose workers are processes. */
export function processBoot(options: ProcessBootOptions): BootStrategy {
  let isFirst = true
  // Later ones are registered by their launcher, before they run.
  let hasWatchdog = options.startsFirst !== true
  void options.watchdog.then(() => (hasWatchdog = true))
  const boot = bootThrough(options.lines, options.writeLine, (writeLine) => async (events, signal) => {
    if (isFirst) warnOfLostNames(options)
    isFirst = false
    const own = { ...options, writeLine, startsFirst: !hasWatchdog }
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
  const watchdog = options.startsFirst === true ? undefined : await options.watchdog
  const listener = await options.listener
  const early = options.early?.take({ ...options, env: options.env('pipes') })
  const fifos = early?.fifos ?? (await openFifos(options, signal))
  const { process, ...streams } = spawnOrClose(options, { listener, fifos, watchdog, early })
  const output = new WorkerOutput({ ...options, id: process.id })
  output.read(streams.stderr, 'stderr')
  if (streams.stdout !== undefined) output.read(streams.stdout, 'stdout')
  return {
    process,
    output,
    killGraceMs: options.config.supervisor.kill_grace,
    connect:
      listener === undefined
        ? guarded(
            options,
            process,
            connectStandard(options, {
              process,
              output,
              relay: standardRelay(process, fifos),
              isAsked: early !== undefined,
            }),
          )
        : (alive) =>
            listener.expect(process.id.pid, { timeoutMs: options.config.allocate_timeout, signal: alive }),
    explain: (exit, lastLines) => ({
      end: exit.signal === 'SIGKILL' ? '' : `; it ended with ${exit.signal ?? `exit code ${exit.code}`}`,
      said: lastWords(lastLines),
      hint: bootHint({
        words: options.words,
        cwd: options.cwd,
        code: exit.code,
        lastLines,
        allocateMs: options.config.allocate_timeout,
      }),
    }),
  }
}

/** Registers a worker that was started without a watchdog before it can be given a job. */
function guarded(
  { startsFirst, watchdog }: ProcessBootOptions,
  worker: WorkerProcess,
  connect: Started['connect'],
) {
  const registered =
    startsFirst === true
      ? watchdog.then((guard) => {
          guard?.add(worker.id.pid)
          void worker.exited.then(() => guard?.remove(worker.id.pid))
        })
      : undefined
  return async (signal: AbortSignal) => {
    const connection = await connect(signal)
    await registered
    return connection
  }
}

/** Opens the FIFOs of one worker; resolves with undefined when it is to have socket pairs. */
async function openFifos(
  { pool, fifos, standardUse, needsFifos, settings }: ProcessBootOptions,
  signal: AbortSignal,
): Promise<StandardFifos | undefined> {
  const paths = await fifos.take(fifoCounts[standardUse])
  if (signal.aborted && paths !== undefined) fifos.giveBack(paths)
  signal.throwIfAborted()
  if (paths !== undefined) return openStandardFifos(paths, standardUse, settings.identity)
  if (!needsFifos) return undefined
  throw new RelayError(ErrorCode.WorkerBoot, `pool "${pool}" cannot have \`relay: fifo\`: ${fifos.fault}`, {
    hint: 'Set `relay: auto`, which uses socket pairs then, or install mkfifo (coreutils).',
  })
}

// The relay ends by itself within a turn of the loop, unless a child of the worker holds it.
const lastWordsMsMax = 250

/** Starts the process; when there is nothing to start, the FIFOs that were opened for it are closed. */
function spawnOrClose(
  options: ProcessBootOptions,
  made: Pick<SpawnOptions, 'fifos' | 'watchdog'> & {
    readonly listener: RelayListener | undefined
    readonly early: EarlyChild | undefined
  },
): SpawnedProcess {
  const { listener, fifos, watchdog, early } = made
  const about = {
    words: options.words,
    cwd: options.cwd,
    env: options.env(listener?.address ?? 'pipes'),
    usesPipes: listener === undefined,
    fifos,
    watchdog,
    settings: options.settings,
  }
  try {
    return early === undefined ? spawnProcess(about) : adoptProcess(early, about)
  } catch (error) {
    for (const fifo of fifos === undefined ? [] : fifosOf(fifos)) fifo.close()
    throw error
  }
}

/** The relay over standard input and output. */
function standardRelay(process: WorkerProcess, fifos: StandardFifos | undefined): Relay {
  const pair = fifos?.relay
  if (pair !== undefined)
    return fifoRelay({ inputFd: pair.stdout.fd, outputFd: pair.stdin.fd }, defaultRelayLimits)
  assert(process.output !== undefined && process.input !== undefined, 'a process without FIFOs has no pipes')
  return pipesRelay(process.output, process.input, defaultRelayLimits)
}

function connectStandard(
  { config, clock }: ProcessBootOptions,
  {
    process,
    output,
    relay,
    isAsked,
  }: {
    readonly process: WorkerProcess
    readonly output: WorkerOutput
    readonly relay: Relay
    readonly isAsked: boolean
  },
): Started['connect'] {
  return async (signal) => {
    try {
      const { pid, ...announced } = await handshake(relay, {
        ownPid: globalThis.process.pid,
        timeoutMs: config.allocate_timeout,
        clock,
        signal: abortedLater(clock, signal),
        isAsked,
        onJunk: (bytes) => output.addStray(bytes),
      })
      // A wrapper that did not become the worker would die of a signal that is meant for the worker.
      return { relay, ...(pid === process.id.pid ? announced : withoutSignals(announced)) }
    } catch (error) {
      // A child that it left would hold the relay open.
      void process.exited.then(() => setImmediate(() => relay.close()))
      throw error
    }
  }
}

/** A signal that aborts after `signal`: the end of a process is often heard of before its last words have been read. */
function abortedLater(clock: Clock, signal: AbortSignal): AbortSignal {
  const later = new AbortController()
  onAbort(signal, () => clock.timer(lastWordsMsMax, () => later.abort(), { unref: true }))
  return later.signal
}
