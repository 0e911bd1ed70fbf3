/**
 * Workers without processes for the schedules: real `Worker`s and relays in a real pool, at whose other end a script plays the
 * process. What each did with each message is written down where the oracle reads it.
 */
import type { Clock, Timer } from '../../src/core/clock.js'
import { FrameFlag } from '../../src/ipc/frame.js'
import { defaultRelayLimits, type Relay } from '../../src/ipc/relay.js'
import { memoryRelayPair } from '../../src/ipc/relays/memory-relay.js'
import { silentLogger } from '../../src/logging/logger.js'
import { OutputPacer } from '../../src/logging/output-pacer.js'
import type { BootWorker } from '../../src/supervisor/pool/boot/boot-worker.js'
import type { ProcessExit } from '../../src/supervisor/worker/os/process.js'
import { WorkerOutput } from '../../src/supervisor/worker/output.js'
import { Worker } from '../../src/supervisor/worker/worker.js'

/**
 * Behaviour of a worker in one try of one message. `last`: done, and the process ends right behind the answer. `twice`: done, and
 * answered two times; only where jobs are numbered, as it is taken for the answer to the next job else.
 */
export type Deed = 'done' | 'error' | 'retry' | 'fail' | 'crash' | 'hang' | 'stop' | 'bad' | 'last' | 'twice'

/** One try. */
export interface Script {
  readonly deed: Deed
  readonly takesMs: number
}

/** Event of a message in a worker. */
export interface WorkerEvent {
  /** `done` and `given-up` are said when the answer is sent: before it a worker may still take everything with it. */
  readonly kind: 'waits' | 'begun' | 'done' | 'given-up' | 'died'
  readonly messageId: string
  /** Messages of the same job that it has been through. */
  readonly before: readonly string[]
}

/** Options of the workers. */
export interface ScriptedOptions {
  readonly clock: Clock
  readonly jobsMax: number
  readonly execTtlMs: number
  readonly bootMs: () => number
  readonly failsBoot: () => boolean
  /** A job of several records ends at its first failed one, and names all from there on. */
  readonly isOrdered: boolean
  /** The workers announce `job_id`. */
  readonly isNumbered?: boolean
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
    const id = { pid: ++lastPid }
    const output = new WorkerOutput({
      pool: 'lambda',
      id,
      lineBytesMax: () => 1024,
      pacer: new OutputPacer(clock),
      writeLine: () => undefined,
    })
    const worker = new Worker({
      pool: 'lambda',
      process: {
        id,
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
      killGraceMs: 500,
      stopTimeoutMs: 10_000,
      streamTimeoutMs: 10_000,
      output,
      onLeaving: events.onLeaving,
      onExited: events.onExited,
      onDeadline: events.onDeadline,
      cancelGraceMs: 1000,
      leaveTimeoutMs: 60_000,
      onWithdraw: events.onWithdraw,
      onPlace: events.onPlace,
    })
    options.onUp?.(worker.pid, () => peer.end({ code: 9, signal: null }))
    worker.adopt(ours, { features: options.isNumbered === true ? ['job_id'] : [] })
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
  /** Messages in its pipe while it is busy. */
  readonly #pipe: (() => void)[] = []
  #isBusy = false
  /** The number of its job, as the last key of an answer's context. */
  #number = ''

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
        if ((flags & FrameFlag.control) !== 0) return this.#read(() => this.end({ code: 0, signal: null }))
        const headBytes = words[0] ?? 0
        const context = payload.toString('utf8', 0, headBytes)
        const body = payload.toString('utf8', headBytes)
        if (this.#isBusy) options.onEvent({ kind: 'waits', messageId: '', before: [] })
        this.#read(() => this.#job(context, body))
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

  /** Reads one frame after the other: the next when the one before is answered. */
  #read(act: () => void): void {
    if (this.#isBusy) this.#pipe.push(act)
    else {
      this.#isBusy = true
      act()
    }
  }

  #readNext(): void {
    this.#isBusy = false
    const next = this.#isGone ? undefined : this.#pipe.shift()
    if (next !== undefined) this.#read(next)
  }

  #job(context: string, body: string): void {
    const { record, jobId }: { record: Item | null; jobId?: number } = JSON.parse(context)
    this.#number = jobId === undefined ? '' : `"jobId":${jobId}`
    const items: readonly Item[] = record === null ? JSON.parse(body).Records : [record]
    const ids = items.map(nameOf)
    const [first = ''] = ids
    const { clock, script: scriptOf } = this.#options
    const script = scriptOf(first)
    if (script.deed === 'stop') {
      this.#send('"stop":true')
      // Some end, some go on to what lies in their pipe until they are told to stop.
      if (script.takesMs % 2 === 0) this.#timer = clock.timer(5, () => this.end({ code: 0, signal: null }))
      else this.#readNext()
      return
    }
    this.#begin({ ids, at: 0, failed: [] }, script)
  }

  #begin(job: Job, { deed, takesMs }: Script): void {
    const messageId = job.ids[job.at] ?? ''
    this.#options.onEvent({ kind: 'begun', messageId, before: job.ids.slice(0, job.at) })
    if (deed === 'hang') return
    this.#timer = this.#options.clock.timer(takesMs, () => this.#finish(job, deed))
  }

  #finish(job: Job, deed: Deed): void {
    const { onEvent, touch, isOrdered, script } = this.#options
    touch()
    const { ids, at, failed } = job
    const messageId = ids[at] ?? ''
    if (deed === 'crash') {
      onEvent({ kind: 'died', messageId, before: [] })
      this.end({ code: 3, signal: null })
      return
    }
    const isDone = deed === 'done' || deed === 'last' || deed === 'twice'
    // What is said of a whole job is said at its first record.
    if (!isDone && at === 0) {
      this.#answerWhole(deed, ids)
      this.#readNext()
      return
    }
    const isOver = !isDone && isOrdered
    const names = isDone ? failed : [...failed, ...(isOver ? ids.slice(at) : [messageId])]
    const next = ids[at + 1]
    if (!isOver && next !== undefined) {
      this.#begin({ ids, at: at + 1, failed: names }, script(next))
      return
    }
    this.#answer(ids, names)
    if (deed === 'twice' && this.#number !== '') this.#answer(ids, names)
    if (deed === 'last') this.end({ code: 0, signal: null })
    else this.#readNext()
  }

  /** Sends an answer whose context has these members and the job's number. */
  #send(members: string, body = '', flags: number = FrameFlag.raw): void {
    const all = [members, this.#number].filter((one) => one !== '').join(',')
    this.#relay.send({ flags, options: 'head', head: all === '' ? '' : `{${all}}`, body })
  }

  #answer(ids: readonly string[], failed: readonly string[]): void {
    for (const messageId of ids)
      if (!failed.includes(messageId)) this.#options.onEvent({ kind: 'done', messageId, before: [] })
    const batchItemFailures = failed.map((itemIdentifier) => ({ itemIdentifier }))
    const body = failed.length === 0 ? '' : JSON.stringify({ batchItemFailures })
    this.#send('', body)
  }

  #answerWhole(deed: Deed, ids: readonly string[]): void {
    switch (deed) {
      case 'retry':
        this.#send('"outcome":"retry"')
        break
      case 'fail':
        for (const messageId of ids) this.#options.onEvent({ kind: 'given-up', messageId, before: [] })
        this.#send('"outcome":"fail","reason":"by script"')
        break
      case 'bad':
        this.#send('"outcome":"what"')
        break
      default:
        if (this.#number !== '') this.#send('', 'by script', FrameFlag.error)
        else this.#relay.send({ flags: FrameFlag.error, options: [], head: 'by script' })
    }
  }
}

interface Job {
  readonly ids: readonly string[]
  readonly at: number
  readonly failed: readonly string[]
}

/** A record as far as its name goes. */
export interface Item {
  readonly messageId?: string
  readonly kinesis?: { readonly sequenceNumber: string }
}

/** By what a batch's answer names it. */
export function nameOf({ messageId, kinesis }: Item): string {
  return messageId ?? kinesis?.sequenceNumber ?? ''
}
