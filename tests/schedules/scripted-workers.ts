/**
 * Workers without processes for the schedules: real `Worker`s and relays in a real pool, at whose other end a script plays the
 * process. What each did with each message is written down where the oracle reads it.
 */
import type { Clock, Timer } from '../../src/core/clock.js'
import { silentLogger } from '../../src/core/log.js'
import { FrameFlag } from '../../src/ipc/frame.js'
import { memoryRelayPair } from '../../src/ipc/memory-relay.js'
import { defaultRelayLimits, type Relay } from '../../src/ipc/relay.js'
import type { BootWorker } from '../../src/supervisor/pool/process-pool.js'
import type { ProcessExit } from '../../src/supervisor/worker/process.js'
import { Worker } from '../../src/supervisor/worker/worker.js'

/** What a worker does with one try of one message. */
export type Deed = 'done' | 'error' | 'retry' | 'fail' | 'crash' | 'hang' | 'stop' | 'bad'

/** One try. */
export interface Script {
  readonly deed: Deed
  readonly takesMs: number
}

/** What happened to a message in a worker. */
export interface WorkerEvent {
  readonly kind: 'begun' | 'done' | 'given-up' | 'died'
  readonly messageId: string
}

/** What the workers are made of. */
export interface ScriptedOptions {
  readonly clock: Clock
  readonly jobsMax: number
  readonly execTtlMs: number
  readonly bootMs: () => number
  readonly failsBoot: () => boolean
  readonly script: (messageId: string) => Script
  readonly onEvent: (event: WorkerEvent) => void
  readonly touch: () => void
  /** A process is up; the function ends it as a crash would. */
  readonly onUp?: (pid: number, fall: () => void) => void
}

let lastPid = 1000

/** Makes the function that a pool boots its workers with. */
export function scriptedBoot(options: ScriptedOptions): BootWorker {
  const { clock } = options
  return async (events, signal) => {
    const bootEnded = events.onBooting(() => [])
    await new Promise<void>((resolve) => clock.timer(options.bootMs(), resolve))
    bootEnded()
    options.touch()
    signal.throwIfAborted()
    if (options.failsBoot()) throw new Error('this boot was meant to fail')
    const [ours, theirs] = memoryRelayPair(defaultRelayLimits)
    const peer = new Peer(options, theirs)
    const worker = new Worker({
      pool: 'lambda',
      process: {
        pid: ++lastPid,
        input: undefined,
        output: undefined,
        exited: peer.exited,
        kill: () => peer.end({ code: null, signal: 'SIGKILL' }),
        terminate: () => peer.end({ code: null, signal: 'SIGTERM' }),
      },
      clock,
      log: silentLogger,
      jobsMax: options.jobsMax,
      jobsDue: Math.floor(options.jobsMax * 0.95),
      onDue: events.onDue,
      execTtlMs: options.execTtlMs,
      stopTimeoutMs: 10_000,
      streamTimeoutMs: 10_000,
      lastLines: () => [],
      outputEnded: Promise.resolve(),
      onJunk: () => undefined,
      onJunkEnd: () => undefined,
      onLeaving: events.onLeaving,
      onExited: events.onExited,
      onDeadline: events.onDeadline,
    })
    options.onUp?.(worker.pid, () => peer.end({ code: 9, signal: null }))
    worker.adopt(ours)
    return worker
  }
}

class Peer {
  readonly exited: Promise<ProcessExit>
  readonly #options: ScriptedOptions
  readonly #relay: Relay
  #exit!: (exit: ProcessExit) => void
  #timer: Timer | undefined
  #isGone = false

  constructor(options: ScriptedOptions, relay: Relay) {
    this.#options = options
    this.#relay = relay
    this.exited = new Promise((resolve) => {
      this.#exit = resolve
    })
    relay.read({
      junk: () => undefined,
      closed: () => this.end({ code: 0, signal: null }),
      frame: ({ flags, options: words, payload }) => {
        options.touch()
        if ((flags & FrameFlag.control) !== 0) return this.end({ code: 0, signal: null })
        this.#job(payload.toString('utf8', 0, words[0] ?? 0))
      },
    })
  }

  /** The process is gone, and whatever it was about to do with it. */
  end(exit: ProcessExit): void {
    if (this.#isGone) return
    this.#isGone = true
    this.#options.touch()
    this.#timer?.clear()
    this.#relay.close()
    this.#exit(exit)
  }

  #job(context: string): void {
    const { record }: { record: { messageId: string } } = JSON.parse(context)
    const { messageId } = record
    const { deed, takesMs } = this.#options.script(messageId)
    if (deed === 'stop') {
      this.#relay.send({ flags: FrameFlag.raw, options: 'head', head: '{"stop":true}' })
      return
    }
    this.#options.onEvent({ kind: 'begun', messageId })
    if (deed === 'hang') return
    this.#timer = this.#options.clock.timer(takesMs, () => this.#finish(deed, messageId))
  }

  #finish(deed: Deed, messageId: string): void {
    const { onEvent, touch } = this.#options
    touch()
    const answer = (head: string) =>
      this.#relay.send({ flags: FrameFlag.raw, options: 'head', head, body: '' })
    switch (deed) {
      case 'done':
        onEvent({ kind: 'done', messageId })
        answer('')
        break
      case 'retry':
        answer('{"outcome":"retry"}')
        break
      case 'fail':
        onEvent({ kind: 'given-up', messageId })
        answer('{"outcome":"fail","reason":"by script"}')
        break
      case 'bad':
        answer('{"outcome":"what"}')
        break
      case 'error':
        this.#relay.send({ flags: FrameFlag.error, options: [], head: 'by script' })
        break
      default:
        onEvent({ kind: 'died', messageId })
        this.end({ code: 3, signal: null })
    }
  }
}
