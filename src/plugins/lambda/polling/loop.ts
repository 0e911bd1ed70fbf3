/** The loop of one poller: next → handle → exactly one answer. What ends the server is thrown; all else goes on. */
import { ErrorCode, type LedgerService, onAbort, type Pool, RelayError, sleep } from '../../../index.js'
import type { Answer } from '../answer/answer.js'
import { ErrorType, headerType } from '../errors.js'
import { EventRun, type HandlerOptions } from '../event/event-run.js'
import { runEvent } from '../event/run-event.js'
import type { Invocation, RuntimeClient } from '../runtime-api/client.js'
import type { PollGate } from './poll-gate.js'

/** Options of a loop. */
export interface LoopOptions extends HandlerOptions {
  readonly client: RuntimeClient
  readonly gate: PollGate
  /** Called between two events: Lambda may freeze or end this environment as soon as the next event is requested. */
  readonly flushLog: () => Promise<void>
  /** Is told of every event; absent in tests of the plugin alone. */
  readonly ledger?: LedgerService
  /** Workers that must be ready before the first event is asked for. */
  readonly minReady: number
  /** Runs before the first `/next`: registering as an extension, the snapshot. Its fault ends the server. */
  readonly beforeFirst: () => Promise<void>
  /** Workers that want to know are told how long they were frozen. */
  readonly tellsThaw: boolean
}

const lostMax = 5
const lostFirstMs = 100
// Until we poll again, Lambda thinks that the last event still runs.
const idleWaitMsMax = 5000
// Peers of workers have closed nothing within this time.
const thawGapMsMin = 5000

/** One poller. */
export class Loop {
  readonly #options: LoopOptions
  #run: EventRun | undefined
  #finished: Promise<void> = Promise.resolve()
  #lastAnswered: string | undefined
  #lostCount = 0

  constructor(options: LoopOptions) {
    this.#options = options
  }

  /** Runs until `signal` aborts. Rejects with RR_RUNTIME_API when the server must end and be started anew. */
  async serve(signal: AbortSignal): Promise<void> {
    const { pool, client, clock, gate, minReady } = this.#options
    const stopListening = onAbort(signal, () => client.close())
    await whenReady(pool, minReady, signal)
    if (!signal.aborted) await this.#options.beforeFirst()
    while (!signal.aborted) {
      await gate.enter(signal)
      const invocation = signal.aborted ? undefined : await this.#next(signal)
      if (invocation !== undefined) this.#finished = this.#handle(invocation)
      // Only now, that it has its worker: that worker is not to be counted as one to ask for.
      gate.leave()
      if (invocation === undefined) continue
      await this.#finished
      await this.#options.flushLog()
      gate.wake()
      if (pool.idleCount > 0 || signal.aborted) continue
      const patience = new AbortController()
      const timer = clock.timer(idleWaitMsMax, () => patience.abort())
      const undoPatience = onAbort(signal, () => patience.abort())
      await pool.whenIdle(patience.signal)
      undoPatience()
      timer.clear()
    }
    stopListening()
  }

  /** Resolves when the event in hand, if there is one, has been answered. */
  finished(): Promise<void> {
    return this.#finished
  }

  /** Answers the event in hand with what is finished of it. */
  answerNow(): void {
    this.#run?.answerNow()
  }

  async #next(signal: AbortSignal): Promise<Invocation | undefined> {
    const { client, clock, log, pool } = this.#options
    const askedAt = clock.nowMs()
    try {
      // Only once the request is out: spawning takes milliseconds of the cold start.
      const invocation = await client.next(() => pool.bootRest())
      this.#lostCount = 0
      this.#tellThaw(clock.nowMs() - askedAt)
      if (invocation.requestId !== this.#lastAnswered) return invocation
      // Our answer did not land. Running it again would loop at full speed until its deadline.
      const text = `the Runtime API handed out ${invocation.requestId} again, which was just answered`
      throw new RelayError(ErrorCode.RuntimeApi, text, {
        hint: 'The server exits, so that Lambda starts it anew.',
      })
    } catch (error) {
      if (signal.aborted) return undefined
      if (!(error instanceof RelayError) || error.details.isLost !== true) throw error
      this.#lostCount += 1
      if (this.#lostCount >= lostMax) throw error
      const waitMs = lostFirstMs * 2 ** (this.#lostCount - 1)
      log.warn(
        { error: error.message, tries: this.#lostCount, waitMs },
        'the Runtime API was lost, asking again',
      )
      await sleep(clock, waitMs, signal)
      return undefined
    }
  }

  /** Before the event is handled: the notice lies in front of the job in the worker's relay. */
  #tellThaw(gapMs: number): void {
    const { pool, tellsThaw } = this.#options
    if (tellsThaw && gapMs >= thawGapMsMin) pool.tell('thaw', { thaw: { gap_ms: gapMs } })
  }

  async #handle(invocation: Invocation): Promise<void> {
    const { clock, log, ledger } = this.#options
    const startedAt = clock.monotonicMs()
    ledger?.accepted(invocation.requestId)
    const run = new EventRun(invocation, this.#options)
    this.#run = run
    void runEvent(run)
    const { answer, reason } = await run.ended
    await this.#post(invocation.requestId, answer)
    const failed = answer.kind === 'error' ? answer.error.errorType : undefined
    const end = failed === undefined ? 'done' : failed === ErrorType.Failed ? 'given up' : 'failed'
    ledger?.acknowledged(invocation.requestId, end, failed ?? reason)
    this.#run = undefined
    this.#lastAnswered = invocation.requestId
    if (!log.isEnabled('debug')) return
    const tookMs = Math.round(clock.monotonicMs() - startedAt)
    log.debug({ requestId: invocation.requestId, answer: answer.kind, tookMs }, 'answered an event')
  }

  #post(requestId: string, answer: Answer): Promise<void> {
    const { client } = this.#options
    if (answer.kind === 'streamed') return Promise.resolve()
    if (answer.kind === 'result') return client.respond(requestId, answer.body)
    return client.fail(requestId, JSON.stringify(answer.error), headerType(answer.error))
  }
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
