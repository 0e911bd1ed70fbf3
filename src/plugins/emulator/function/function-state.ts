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
import { type RestorePoller, Runtime } from './runtime.js'
import { WaitingEvents, waitingMax } from './waiting-events.js'

/** State of one function. */
export class FunctionState {
  readonly #options: FunctionOptions
  /** Managed Instances, or several environments: several events at once. */
  readonly #isManaged: boolean
  readonly #runtime: Runtime
  readonly #waiting = new WaitingEvents()
  readonly #inHand = new Map<string, Event>()
  #pollers: Poller[] = []
  /** Classic: the event that was handed out last. */
  #lastId: string | undefined
  readonly #late = new LateIds()
  #lingering: Timer | undefined

  constructor(options: FunctionOptions) {
    this.#options = options
    this.#isManaged = options.concurrency !== undefined || options.isParallel === true
    this.#runtime = new Runtime(this.#isManaged)
  }

  /** Status with which another event is refused; undefined while there is room. */
  get fullness(): ApiStatus | undefined {
    const { concurrency } = this.#options
    const busy = this.#inHand.size + this.#waiting.length
    if (concurrency !== undefined && busy >= concurrency) return allBusy(concurrency)
    return this.#waiting.length < waitingMax ? undefined : tooManyWait(waitingMax)
  }

  get hasWaiting(): boolean {
    return this.#waiting.length > 0
  }

  /** True once the runtime has asked for an event since it started. */
  get hasPolled(): boolean {
    return this.#runtime.hasPolled
  }

  /** True while the runtime waits for the restore of its snapshot. */
  get isInSnapshot(): boolean {
    return this.#runtime.isInSnapshot
  }

  /** True while the runtime waits for an event and none runs. */
  get isIdle(): boolean {
    return this.#inHand.size === 0 && this.#pollers.length > 0
  }

  /**
   * Queues an event; `signal` aborts when the caller has disconnected, which removes a waiting event. With `onStream` the
   * caller reads streams: a streamed answer is passed to it, and `result` then has no further meaning.
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

  /** Handles a call of `/next`: hands out the next event or refuses. The returned function cancels the call. */
  next(poller: Poller): () => void {
    const status = this.#runtime.call('next')
    if (status !== undefined) {
      poller.refuse(status)
      return () => undefined
    }
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

  /** Handles the head of an answer; returns a ticket when its body is to be read, else a status. */
  begin(requestId: string): Ticket | ApiStatus {
    const event = this.#inHand.get(requestId)
    if (event === undefined) return this.#notInHand(requestId)
    if (this.#runtime.state === 'broken') return wrongId(requestId)
    if (event.isAnswering) {
      if (!this.#isManaged) return wrongState('answer', this.#runtime.state)
      return {
        status: 400,
        errorType: 'InvokeResponseInProgress',
        errorMessage: 'its answer is being received already',
      }
    }
    const status = this.#isManaged ? undefined : this.#runtime.call('answer')
    if (status !== undefined) return status
    event.isAnswering = true
    return event
  }

  /** Ends an event with the result or error in the body of its answer. */
  finish(ticket: Ticket, result: InvokeResult): ApiStatus {
    if (this.#inHand.get(ticket.requestId) !== ticket) return this.#notInHand(ticket.requestId)
    this.#end(ticket.requestId, result)
    return accepted
  }

  /** Fails an event whose answer is over the limit; no other answer to it is accepted. */
  finishTooLarge(ticket: Ticket): ApiStatus {
    const errorMessage = `Exceeded maximum allowed payload size (${payloadBytesMax} bytes).`
    const status = this.finish(ticket, platformError('Function.ResponseSizeTooLarge', errorMessage))
    return status === accepted ? { status: 413, errorType: 'RequestEntityTooLarge', errorMessage } : status
  }

  /** Passes a streamed answer to the invoker. */
  stream(ticket: Ticket, stream: AnswerStream): void {
    const event = this.#inHand.get(ticket.requestId)
    if (event === undefined) return
    event.stream = stream
    event.onStream?.(stream)
  }

  /** Ends an event whose streamed answer has ended. */
  streamed(ticket: Ticket): ApiStatus {
    if (this.#inHand.get(ticket.requestId) !== ticket) return this.#notInHand(ticket.requestId)
    this.#end(ticket.requestId, { kind: 'result', body: Buffer.alloc(0) })
    return accepted
  }

  /**
   * Handles an answer whose connection was cut. Classic model: no other answer to the event is accepted, and it is handed
   * out again.
   */
  breakOff(ticket: Ticket): void {
    if (this.#inHand.get(ticket.requestId) !== ticket) return
    if (!this.#isManaged) this.#runtime.become('broken')
    else this.#end(ticket.requestId, platformError('Runtime.TruncatedResponse', 'the response was cut off'))
  }

  /** Fails an event because of an unknown response mode; the runtime gets no further event. */
  refuseMode(requestId: string, mode: string): ApiStatus {
    const ticket = this.begin(requestId)
    if ('status' in ticket) return ticket
    const errorMessage = `unknown response mode ${mode}`
    this.#end(requestId, platformError('Runtime.InvalidResponseModeHeader', errorMessage))
    this.#runtime.become('refused')
    return { status: 400, errorType: 'InvalidFunctionResponseMode', errorMessage }
  }

  /** Handles an init error, allowed before the first `/next` only: the waiting events fail. */
  initError(body: Buffer, type: string): ApiStatus {
    const status = this.#runtime.call('init-error')
    if (status !== undefined) return status
    if (this.#options.isInitRepeated?.(body) !== true) this.#waiting.failAll({ kind: 'error', type, body })
    return accepted
  }

  /** SnapStart: handles a call of `/restore/next`, answered at the restore. The returned function cancels the call. */
  restoreNext(poller: RestorePoller): () => void {
    if (!this.#runtime.awaitRestore(poller)) return () => undefined
    this.#options.onChange?.()
    return () => this.#runtime.cancelRestore(poller)
  }

  /** Restores the snapshot. */
  restore(): void {
    this.#runtime.restore()
  }

  /** Handles the error of a hook that failed after the restore. */
  restoreError(body: Buffer, type: string): ApiStatus {
    const status = this.#runtime.call('restore-error')
    if (status !== undefined) return status
    this.#waiting.failAll({ kind: 'error', type, body })
    return accepted
  }

  /** Hands out waiting events to waiting pollers. */
  poke(): void {
    while (this.#mayHandOut()) {
      const poller = this.#pollers.shift()
      const event = this.#waiting.take()
      if (poller === undefined || event === undefined) return
      this.#handOut(event, poller)
    }
  }

  /**
   * Starts the time limit of the first waiting event before it is handed out, since its environment has to start first.
   */
  startClock(): void {
    const event = this.#waiting.first
    if (event !== undefined) this.#arm(event)
  }

  /**
   * Fails every event that was handed out; when there is none, the first waiting one: any, or only one whose time limit has
   * begun.
   */
  fail(why: { type: string; message: string }, orWaiting: 'none' | 'begun' | 'any'): void {
    const error = (id: string) => platformError(why.type, `RequestId: ${id} Error: ${why.message}`)
    const [ids, { first }] = [[...this.#inHand.keys()], this.#waiting]
    for (const id of ids) this.#end(id, error(id))
    const isMeant = orWaiting === 'any' || (orWaiting === 'begun' && first?.timer !== undefined)
    if (first === undefined || ids.length > 0 || !isMeant) return
    this.#waiting.leave(first)
    first.settle(error(first.requestId))
  }

  /** Forgets the state of the runtime, because another process will call. */
  reset(): void {
    this.#runtime.reset()
    this.#pollers = []
    this.#lastId = undefined
  }

  /** Refuses all pollers and fails all events, because the emulator ends. */
  close(): void {
    const stopped = platformError('Emulator.Stopped', 'the emulator was stopped')
    this.#waiting.failAll(stopped)
    this.#pollers = []
    for (const id of [...this.#inHand.keys()]) this.#end(id, stopped)
    this.#lingering?.clear()
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
    this.#runtime.become('running')
    poller.hand(event)
    this.#options.onHandedOut?.(event)
  }

  #arm(event: Event): void {
    if (event.timer !== undefined) return
    const { clock, timeoutMs } = this.#options
    event.deadlineMs = clock.nowMs() + timeoutMs
    event.timer = clock.timer(timeoutMs, () => this.#timeOut(event))
  }

  /** Times out an event that runs, or that waits for its environment to start. */
  #timeOut(event: Event): void {
    if (!this.#waiting.has(event) && this.#inHand.get(event.requestId) !== event) return
    const seconds = (this.#options.timeoutMs / 1000).toFixed(2)
    const message = `RequestId: ${event.requestId} Error: Task timed out after ${seconds} seconds`
    this.#waiting.leave(event)
    this.#inHand.delete(event.requestId)
    if (this.#isManaged) this.#late.add(event.requestId)
    else this.#runtime.become('answered')
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

  /** Keeps the time limit of an answered event until the runtime asks for the next one. */
  #linger({ deadlineMs, requestId }: Event): void {
    const { clock, onTimeout } = this.#options
    if (this.#isManaged || onTimeout === undefined) return
    this.#lingering = clock.timer(deadlineMs - clock.nowMs(), () => void onTimeout(requestId))
  }

  #notInHand(requestId: string): ApiStatus {
    if (this.#late.has(requestId)) return late
    if (this.#lastId !== requestId || this.#isManaged) return wrongId(requestId)
    return wrongState('answer', this.#runtime.state)
  }

  #end(requestId: string, result: InvokeResult): void {
    const event = this.#inHand.get(requestId)
    if (event === undefined) return
    this.#inHand.delete(requestId)
    this.#runtime.become('answered')
    event.timer?.clear()
    this.#linger(event)
    if (result.kind === 'error') event.stream?.cut(result)
    event.settle(result)
    this.poke()
    this.#options.onChange?.()
  }
}
