/**
 * The loop of one poller: next → handle → exactly one answer. By callbacks, as it runs once an event; promises are made only where it
 * has to wait: for a worker, for the log, for an API that was lost. What ends the server is a rejection of `serve`; all else goes on.
 */
import {
  type Deferred,
  deferred,
  ErrorCode,
  type LedgerService,
  type Logger,
  onAbort,
  type Pool,
  RelayError,
  sleep,
} from '../../../index.js'
import type { Answer } from '../answer/answer.js'
import { ErrorType, headerType } from '../errors.js'
import { type EventEnd, EventRun, type HandlerOptions } from '../event/event-run.js'
import { runEvent } from '../event/run-event.js'
import type { NextSink, Post, RuntimeClient } from '../runtime-api/client.js'
import type { Invocation } from '../runtime-api/invocation.js'
import type { PollGate } from './poll-gate.js'

/** Options of a loop. */
export interface LoopOptions extends HandlerOptions {
  readonly client: RuntimeClient
  readonly gate: PollGate
  /** Called between two events: Lambda may freeze or end this environment as soon as the next event is requested. */
  readonly flushLog: () => Promise<void>
  /** Tells whether every line so far has been written, so that nothing is to be flushed. */
  readonly isLogWritten: () => boolean
  /** Is told of every event; absent in tests of the plugin alone. */
  readonly ledger?: LedgerService
  /** Workers that must be ready before the first event is asked for. */
  readonly minReady: number
  /** Runs before the first `/next`: registering as an extension, the snapshot. Its fault ends the server. */
  readonly beforeFirst: () => Promise<void>
  /** The connection is made while the workers boot. Not before a snapshot, which it would not outlive. */
  readonly connectsAhead?: boolean
  /** Workers that want to know are told how long they were frozen. */
  readonly tellsThaw: boolean
  /** An answer and the next `/next` go out in one write, where nothing has to happen between them. */
  readonly isPipelined: boolean
}

const lostMax = 5
const lostFirstMs = 100
// Until we poll again, Lambda thinks that the last event still runs.
const idleWaitMsMax = 5000
// Peers of workers have closed nothing within this time.
const thawGapMsMin = 5000

/** An event from its arrival until its answer has been posted. */
interface Handled {
  readonly run: EventRun
  readonly startedAt: number
}

/** One poller. */
export class Loop implements NextSink {
  readonly #options: LoopOptions
  /** Ends `serve`. */
  readonly #over: Deferred<void> = deferred()
  /** Aborted when `serve` is to end. */
  #signal: AbortSignal = new AbortController().signal
  #handled: Handled | undefined
  /** Made when a caller waits for the event in hand. */
  #finished: Deferred<void> | undefined
  #lastAnswered: string | undefined
  #lostCount = 0
  #askedAt = 0
  #isPipelined: boolean
  /** The event was asked for behind an answer. */
  #isBehindAnswer = false

  constructor(options: LoopOptions) {
    this.#options = options
    this.#isPipelined = options.isPipelined
  }

  /** Runs until `signal` aborts. Rejects with RR_RUNTIME_API when the server must end and be started anew. */
  async serve(signal: AbortSignal): Promise<void> {
    const { pool, client, minReady } = this.#options
    this.#signal = signal
    const stopListening = onAbort(signal, () => client.close())
    if (this.#options.connectsAhead === true) client.open()
    await whenReady(pool, minReady, signal)
    if (!signal.aborted) await this.#options.beforeFirst()
    this.#ask()
    await this.#over.promise
    stopListening()
  }

  /** Resolves when the event in hand, if there is one, has been answered. */
  finished(): Promise<void> {
    if (this.#handled === undefined) return Promise.resolve()
    this.#finished ??= deferred()
    return this.#finished.promise
  }

  /** Answers the event in hand with what is finished of it. */
  answerNow(): void {
    this.#handled?.run.answerNow()
  }

  onInvocation(invocation: Invocation): void {
    const { clock, gate, ledger } = this.#options
    this.#lostCount = 0
    if (invocation.requestId === this.#lastAnswered) {
      // Our answer did not land. Running it again would loop at full speed until its deadline.
      const text = `the Runtime API handed out ${invocation.requestId} again, which was just answered`
      const hint = 'The server exits, so that Lambda starts it anew.'
      this.onFault(new RelayError(ErrorCode.RuntimeApi, text, { hint }))
      return
    }
    this.#tellThaw(clock.nowMs() - this.#askedAt)
    ledger?.accepted(invocation.requestId)
    const run = new EventRun(invocation, this.#options, (end) => this.#onEnd(handled, end))
    const handled = { run, startedAt: clock.monotonicMs() }
    this.#handled = handled
    runEvent(run)
    // Only now, that it has its worker: that worker is not to be counted as one to ask for.
    gate.leave()
  }

  onFault(error: RelayError): void {
    if (this.#isStopped) this.#over.resolve()
    else this.#over.reject(error)
  }

  onLost(error: RelayError, wasAsked: boolean): void {
    const { clock, log, gate } = this.#options
    gate.leave()
    if (this.#isStopped) {
      this.#over.resolve()
      return
    }
    if (this.#isBehindAnswer) {
      this.#isPipelined = false
      log.warn({ error: error.message }, 'the Runtime API was lost: lambda.pipelining is off from now on')
    }
    if (!wasAsked) {
      this.#rest()
      return
    }
    this.#lostCount += 1
    if (this.#lostCount >= lostMax) {
      this.#over.reject(error)
      return
    }
    const waitMs = lostFirstMs * 2 ** (this.#lostCount - 1)
    log.warn(
      { error: error.message, tries: this.#lostCount, waitMs },
      'the Runtime API was lost, asking again',
    )
    void sleep(clock, waitMs, this.#signal).then(() => this.#ask())
  }

  get #isStopped(): boolean {
    return this.#signal.aborted
  }

  /** Asks for an event as soon as the gate lets it. */
  #ask(): void {
    const { gate } = this.#options
    if (this.#isStopped) this.#over.resolve()
    else if (gate.tryEnter()) this.#next()
    else
      void gate.enter(this.#signal).then(() => {
        if (!this.#isStopped) {
          this.#next()
          return
        }
        gate.leave()
        this.#over.resolve()
      })
  }

  #next(): void {
    const { client, clock, pool } = this.#options
    this.#askedAt = clock.nowMs()
    this.#isBehindAnswer = false
    // Only once the first request is out: spawning takes milliseconds of the cold start.
    client.next(this, this.#lastAnswered === undefined ? () => pool.bootRest() : undefined)
  }

  /** Before the event is handled: the notice lies in front of the job in the worker's relay. */
  #tellThaw(gapMs: number): void {
    const { pool, tellsThaw } = this.#options
    if (tellsThaw && gapMs >= thawGapMsMin) pool.tell('thaw', { thaw: { gap_ms: gapMs } })
  }

  #onEnd(handled: Handled, end: EventEnd): void {
    const { client, clock } = this.#options
    const post = postOf(handled.run.invocation.requestId, end.answer)
    if (post === undefined) {
      this.#onPosted(handled, end)
      this.#rest()
    } else if (this.#mayPipeline()) {
      this.#lastAnswered = post.requestId
      this.#askedAt = clock.nowMs()
      this.#isBehindAnswer = true
      client.answerAndNext(post, () => this.#onPosted(handled, end), this)
    } else
      client.answer(post, () => {
        this.#onPosted(handled, end)
        this.#rest()
      })
  }

  /**
   * Tells whether the next event may be asked for together with the answer: a worker is idle for it, and nothing is to be written
   * before, since Lambda may freeze the environment as soon as it has both. Else the answer goes out alone, and the rest follows.
   */
  #mayPipeline(): boolean {
    const { pool, gate, log, isLogWritten } = this.#options
    if (!this.#isPipelined || this.#isStopped || pool.idleCount === 0) return false
    // The line of an answered event is written behind its answer.
    return !log.isEnabled('debug') && isLogWritten() && gate.tryEnter()
  }

  #onPosted({ run, startedAt }: Handled, { answer, reason }: EventEnd): void {
    const { clock, log, ledger } = this.#options
    const { requestId } = run.invocation
    const failed = answer.kind === 'error' ? answer.error.errorType : undefined
    const end = failed === undefined ? 'done' : failed === ErrorType.Failed ? 'given up' : 'failed'
    ledger?.acknowledged(requestId, end, failed ?? reason)
    this.#handled = undefined
    this.#lastAnswered = requestId
    tellAnswered(log, { requestId, answer, tookMs: () => clock.monotonicMs() - startedAt })
    this.#finished?.resolve()
    this.#finished = undefined
  }

  /** Between two events: flushes the log, and waits for a worker, since no event is asked for that no worker could run. */
  #rest(): void {
    const { flushLog, isLogWritten } = this.#options
    if (isLogWritten()) this.#afterFlush()
    else void flushLog().then(() => this.#afterFlush())
  }

  #afterFlush(): void {
    const { gate, pool, clock } = this.#options
    gate.wake()
    if (pool.idleCount > 0 || this.#isStopped) {
      this.#ask()
      return
    }
    const patience = new AbortController()
    const giveUp = () => patience.abort()
    const timer = clock.timer(idleWaitMsMax, giveUp)
    const stopListening = onAbort(this.#signal, giveUp)
    void pool.whenIdle(patience.signal).then(() => {
      stopListening()
      timer.clear()
      this.#ask()
    })
  }
}

function postOf(requestId: string, answer: Answer): Post | undefined {
  if (answer.kind === 'streamed') return undefined
  if (answer.kind === 'result') return { requestId, body: answer.body }
  return { requestId, body: JSON.stringify(answer.error), errorType: headerType(answer.error) }
}

function tellAnswered(
  log: Logger,
  {
    requestId,
    answer,
    tookMs,
  }: { readonly requestId: string; readonly answer: Answer; readonly tookMs: () => number },
): void {
  if (!log.isEnabled('debug')) return
  log.debug({ requestId, answer: answer.kind, tookMs: Math.round(tookMs()) }, 'answered an event')
}

/** Resolves when `count` workers are idle, or one and the first boots of the others have failed; also when `signal` aborts. */
async function whenReady(pool: Pool, count: number, signal: AbortSignal): Promise<void> {
  const over = new AbortController()
  const stopListening = onAbort(signal, () => over.abort())
  const rest = pool.booted.then(() => pool.whenIdle(over.signal))
  await Promise.race([pool.whenIdle(over.signal, count), rest])
  stopListening()
  over.abort()
}
