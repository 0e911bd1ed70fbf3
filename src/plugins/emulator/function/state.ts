/**
 * The emulated function as a state machine without I/O: events wait, are handed out, and each takes exactly one answer. One event
 * at a time in the classic model, as many as `concurrency` says under Managed Instances. Statuses and error types are the Runtime
 * API's own, as AWS's emulators showed them.
 */
import { randomUUID } from 'node:crypto'
import { onAbort, type Timer } from '../../../index.js'
import type { AnswerStream } from './answer-stream.js'
import { type Event, LateIds, newEvent, type Ticket } from './event.js'
import type { FunctionOptions, Poller } from './function-options.js'
import {
  type ApiStatus,
  accepted,
  allBusy,
  type InvokeRequest,
  type InvokeResult,
  late,
  payloadBytesMax,
  platformError,
  tooManyWait,
  wrongId,
  wrongState,
} from './invocation.js'
import { afterCall, type RuntimeCall, type RuntimeState, refused } from './runtime-state.js'
import { WaitingEvents, waitingMax } from './waiting-events.js'

/** One function. */
export class FunctionState {
  readonly #options: FunctionOptions
  #runtime: RuntimeState = 'starting'
  readonly #waiting = new WaitingEvents()
  readonly #inHand = new Map<string, Event>()
  #pollers: Poller[] = []
  #restoring: (() => void) | undefined
  #hasPolled = false
  /** Classic: the event that was handed out last. */
  #lastId: string | undefined
  readonly #late = new LateIds()
  #lingering: Timer | undefined

  constructor(options: FunctionOptions) {
    this.#options = options
  }

  /** Status with which another event is refused; undefined: there is room. */
  get fullness(): ApiStatus | undefined {
    const { concurrency } = this.#options
    const busy = this.#inHand.size + this.#waiting.length
    if (concurrency !== undefined && busy >= concurrency) return allBusy(concurrency)
    return this.#waiting.length < waitingMax ? undefined : tooManyWait(waitingMax)
  }

  get hasWaiting(): boolean {
    return this.#waiting.length > 0
  }

  /** The runtime has asked for an event since it started. */
  get hasPolled(): boolean {
    return this.#hasPolled
  }

  /** The runtime waits for the snapshot to be woken. */
  get isInSnapshot(): boolean {
    return this.#restoring !== undefined
  }

  /** The runtime waits for an event and nothing is in hand. */
  get isIdle(): boolean {
    return this.#inHand.size === 0 && this.#pollers.length > 0
  }

  /**
   * Puts an event in line; `signal` aborts when the caller has gone, which takes a waiting event out. With `onStream` the caller
   * can read pieces as they come: a streamed answer is handed to it, and `result` says nothing more.
   */
  invoke(
    request: InvokeRequest,
    signal: AbortSignal,
    onStream?: (stream: AnswerStream) => void,
  ): { readonly requestId: string; readonly result: Promise<InvokeResult> } {
    const requestId = randomUUID()
    const { fullness } = this
    if (fullness !== undefined) {
      const { errorType = '', errorMessage = '' } = fullness
      return { requestId, result: Promise.resolve(platformError(errorType, errorMessage)) }
    }
    const result = new Promise<InvokeResult>((settle) => {
      const event = newEvent({ requestId, request, settle, onStream, nowMs: this.#options.clock.nowMs() })
      this.#waiting.add(event)
      onAbort(signal, () => this.#waiting.leave(event))
    })
    this.poke()
    this.#options.onChange?.()
    return { requestId, result }
  }

  /** A poller asks: it is handed the next event or is refused. The returned function takes the request back. */
  next(poller: Poller): () => void {
    const status = this.#call('next')
    if (status !== undefined) {
      poller.refuse(status)
      return () => undefined
    }
    this.#hasPolled = true
    this.#lingering?.clear()
    const [current] = this.#inHand.values()
    // Asking again before the answer hands out the same event again, as AWS's emulator does.
    if (current !== undefined && !this.#isManaged) {
      poller.hand(current)
      return () => undefined
    }
    this.#pollers.push(poller)
    this.poke()
    this.#options.onChange?.()
    return () => {
      this.#pollers = this.#pollers.filter((one) => one !== poller)
    }
  }

  /** The head of an answer: whether its body is to be read. */
  begin(requestId: string): Ticket | ApiStatus {
    const event = this.#inHand.get(requestId)
    if (event === undefined) return this.#notInHand(requestId)
    if (this.#runtime === 'broken') return wrongId(requestId)
    if (event.isAnswering) {
      if (!this.#isManaged) return wrongState('answer', this.#runtime)
      return { status: 400, errorType: 'InvokeResponseInProgress', errorMessage: 'its answer is on its way' }
    }
    const status = this.#isManaged ? undefined : this.#call('answer')
    if (status !== undefined) return status
    event.isAnswering = true
    return event
  }

  /** The body of an answer has come: a result or an error ends the event. */
  finish(ticket: Ticket, result: InvokeResult): ApiStatus {
    if (this.#inHand.get(ticket.requestId) !== ticket) return this.#notInHand(ticket.requestId)
    this.#end(ticket.requestId, result)
    return accepted
  }

  /** The body of an answer was over its limit: the invoker is told, and nothing more is taken for the event. */
  finishTooLarge(ticket: Ticket): ApiStatus {
    const errorMessage = `Exceeded maximum allowed payload size (${payloadBytesMax} bytes).`
    const status = this.finish(ticket, platformError('Function.ResponseSizeTooLarge', errorMessage))
    return status === accepted ? { status: 413, errorType: 'RequestEntityTooLarge', errorMessage } : status
  }

  /** The pieces of an answer begin to come: they are the invoker's. */
  stream(ticket: Ticket, stream: AnswerStream): void {
    const event = this.#inHand.get(ticket.requestId)
    if (event === undefined) return
    event.stream = stream
    event.onStream?.(stream)
  }

  /** The last piece has come, or none will come any more. */
  streamed(ticket: Ticket): ApiStatus {
    if (this.#inHand.get(ticket.requestId) !== ticket) return this.#notInHand(ticket.requestId)
    this.#end(ticket.requestId, { kind: 'result', body: Buffer.alloc(0) })
    return accepted
  }

  /** The connection of an answer was cut. Classic: nothing more is taken for the event, which is handed out again. */
  breakOff(ticket: Ticket): void {
    if (this.#inHand.get(ticket.requestId) !== ticket) return
    if (!this.#isManaged) this.#runtime = 'broken'
    else this.#end(ticket.requestId, platformError('Runtime.TruncatedResponse', 'the response was cut off'))
  }

  /** A response mode that does not exist: the event fails and the runtime gets nothing any more. */
  refuseMode(requestId: string, mode: string): ApiStatus {
    const ticket = this.begin(requestId)
    if ('status' in ticket) return ticket
    const errorMessage = `unknown response mode ${mode}`
    this.#end(requestId, platformError('Runtime.InvalidResponseModeHeader', errorMessage))
    if (!this.#isManaged) this.#runtime = 'refused'
    return { status: 400, errorType: 'InvalidFunctionResponseMode', errorMessage }
  }

  /** Initialisation failed: whoever waits is told; only before the first `/next`. */
  initError(body: Buffer, type: string): ApiStatus {
    const status =
      this.#isManaged && this.#hasPolled ? wrongState('init-error', 'polling') : this.#call('init-error')
    if (status !== undefined) return status
    if (this.#options.isInitRepeated?.(body) !== true) this.#waiting.failAll({ kind: 'error', type, body })
    return accepted
  }

  /** SnapStart: called back when the copy is woken. The returned function takes the request back. */
  restoreNext(poller: {
    readonly wake: () => void
    readonly refuse: (status: ApiStatus) => void
  }): () => void {
    const status = this.#call('restore-next')
    if (status !== undefined) {
      poller.refuse(status)
      return () => undefined
    }
    this.#restoring = poller.wake
    this.#options.onChange?.()
    return () => {
      if (this.#restoring === poller.wake) this.#restoring = undefined
    }
  }

  /** Wakes the snapshot. */
  restore(): void {
    const wake = this.#restoring
    if (wake === undefined) return
    this.#restoring = undefined
    this.#runtime = 'restored'
    wake()
  }

  /** A hook failed after the restore. */
  restoreError(body: Buffer, type: string): ApiStatus {
    const status = this.#call('restore-error')
    if (status !== undefined) return status
    this.#waiting.failAll({ kind: 'error', type, body })
    return accepted
  }

  /** Hands out what can be. */
  poke(): void {
    while (this.#mayHandOut()) {
      const poller = this.#pollers.shift()
      const event = this.#waiting.take()
      if (poller === undefined || event === undefined) return
      this.#handOut(event, poller)
    }
  }

  /** The time of the event that waits first begins to count before it is handed out: its environment has to start first. */
  startClock(): void {
    const event = this.#waiting.first
    if (event !== undefined) this.#arm(event)
  }

  /** Ends every event that was handed out; when there is none, the one that waits first: any, or one whose time has begun. */
  fail(why: { type: string; message: string }, orWaiting: 'none' | 'begun' | 'any'): void {
    const error = (id: string) => platformError(why.type, `RequestId: ${id} Error: ${why.message}`)
    const [ids, { first }] = [[...this.#inHand.keys()], this.#waiting]
    for (const id of ids) this.#end(id, error(id))
    const isMeant = orWaiting === 'any' || (orWaiting === 'begun' && first?.timer !== undefined)
    if (first === undefined || ids.length > 0 || !isMeant) return
    this.#waiting.leave(first)
    first.settle(error(first.requestId))
  }

  /** Another process will speak: everything that the last one said is forgotten. */
  reset(): void {
    this.#runtime = 'starting'
    this.#hasPolled = false
    this.#pollers = []
    this.#restoring = undefined
    this.#lastId = undefined
  }

  /** The emulator ends: everybody is sent home. */
  close(): void {
    const stopped = platformError('Emulator.Stopped', 'the emulator was stopped')
    this.#waiting.failAll(stopped)
    this.#pollers = []
    for (const id of [...this.#inHand.keys()]) this.#end(id, stopped)
    this.#lingering?.clear()
  }

  /** Several events at once. */
  get #isManaged(): boolean {
    return this.#options.concurrency !== undefined || this.#options.isParallel === true
  }

  /** Undefined: the call is fine, and the state has moved. */
  #call(call: RuntimeCall): ApiStatus | undefined {
    if (this.#isManaged && call === 'next') return undefined
    const state = afterCall(this.#runtime, call)
    if (state === refused) return wrongState(call, this.#runtime)
    this.#runtime = state
    return undefined
  }

  #mayHandOut(): boolean {
    const isFree = this.#isManaged || this.#inHand.size === 0
    const isAsked = this.#pollers.length > 0 && this.#waiting.length > 0
    return isFree && isAsked && this.#options.mayHandOut?.() !== false
  }

  #handOut(event: Event, poller: Poller): void {
    this.#arm(event)
    this.#inHand.set(event.requestId, event)
    this.#lastId = event.requestId
    if (!this.#isManaged) this.#runtime = 'running'
    poller.hand(event)
    this.#options.onHandedOut?.(event)
  }

  #arm(event: Event): void {
    if (event.timer !== undefined) return
    const { clock, timeoutMs } = this.#options
    event.deadlineMs = clock.nowMs() + timeoutMs
    event.timer = clock.timer(timeoutMs, () => this.#timeOut(event))
  }

  /** In hand, or still waiting for its environment to start. */
  #timeOut(event: Event): void {
    if (!this.#waiting.has(event) && this.#inHand.get(event.requestId) !== event) return
    const seconds = (this.#options.timeoutMs / 1000).toFixed(2)
    const message = `RequestId: ${event.requestId} Error: Task timed out after ${seconds} seconds`
    this.#waiting.leave(event)
    this.#inHand.delete(event.requestId)
    if (this.#isManaged) this.#late.add(event.requestId)
    else this.#runtime = 'answered'
    this.#lastId = undefined
    const error = platformError('Sandbox.Timedout', message)
    event.stream?.cut(error)
    const settle = () => event.settle(error)
    const resetting = this.#isManaged ? undefined : this.#options.onTimeout?.(event.requestId)
    if (resetting === undefined) settle()
    else void resetting.then(settle)
    this.poke()
    this.#options.onChange?.()
  }

  /** The time of an event goes on until the runtime asks for the next one, though its invoker has been told. */
  #linger({ deadlineMs, requestId }: Event): void {
    const { clock, onTimeout } = this.#options
    if (this.#isManaged || onTimeout === undefined) return
    this.#lingering = clock.timer(deadlineMs - clock.nowMs(), () => void onTimeout(requestId))
  }

  #notInHand(requestId: string): ApiStatus {
    if (this.#late.has(requestId)) return late
    if (this.#lastId !== requestId || this.#isManaged) return wrongId(requestId)
    return wrongState('answer', this.#runtime)
  }

  #end(requestId: string, result: InvokeResult): void {
    const event = this.#inHand.get(requestId)
    if (event === undefined) return
    this.#inHand.delete(requestId)
    if (!this.#isManaged) this.#runtime = 'answered'
    event.timer?.clear()
    this.#linger(event)
    if (result.kind === 'error') event.stream?.cut(result)
    event.settle(result)
    this.poke()
    this.#options.onChange?.()
  }
}
