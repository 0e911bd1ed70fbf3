/**
 * The emulated function as a state machine without I/O: events wait, one at a time is handed out, exactly one answer is
 * taken. Statuses and error types are the Runtime API's own, as AWS's emulator showed them.
 */
import { randomUUID } from 'node:crypto'
import type { Clock, Timer } from '../../index.js'

/** How an event ended, for whoever invoked it. */
export type InvokeResult =
  | { readonly kind: 'result'; readonly body: Buffer }
  | { readonly kind: 'error'; readonly body: Buffer; readonly type: string }

/** What is handed out by `/next`. */
export interface HandedOut {
  readonly requestId: string
  readonly deadlineMs: number
  readonly body: Buffer
  readonly traceId: string
  readonly clientContext: string | undefined
  readonly tenantId: string | undefined
}

/** What an answer is met with. */
export interface ApiStatus {
  readonly status: number
  readonly errorType?: string
  readonly errorMessage?: string
}

/** An event to run. */
export interface InvokeRequest {
  readonly body: Buffer
  readonly clientContext?: string | undefined
  readonly tenantId?: string | undefined
  readonly traceId?: string | undefined
}

interface Event extends HandedOut {
  readonly settle: (result: InvokeResult) => void
  timer: Timer | undefined
}

/** Events that wait at most; then an invoke is refused. */
export const waitingMax = 1000
/** Lambda takes 6 MiB and 100 bytes. */
export const resultBytesMax = 6 * 1024 * 1024 + 100

const accepted: ApiStatus = { status: 202 }

/** One function, one event at a time. */
export class FunctionState {
  readonly #clock: Clock
  readonly #timeoutMs: number
  #waiting: Omit<Event, 'deadlineMs'>[] = []
  #current: Event | undefined
  #pollers: ((event: HandedOut) => void)[] = []
  #hasPolled = false

  constructor(options: { readonly clock: Clock; readonly timeoutMs: number }) {
    this.#clock = options.clock
    this.#timeoutMs = options.timeoutMs
  }

  get waitingCount(): number {
    return this.#waiting.length
  }

  /** Puts an event in line; `signal` aborts when the caller has gone, which takes a waiting event out. */
  invoke(
    request: InvokeRequest,
    signal: AbortSignal,
  ): { readonly requestId: string; readonly result: Promise<InvokeResult> } {
    const requestId = randomUUID()
    const result = new Promise<InvokeResult>((resolve) => {
      const event = {
        requestId,
        body: request.body,
        clientContext: request.clientContext,
        tenantId: request.tenantId,
        traceId: request.traceId ?? newTraceId(this.#clock.nowMs()),
        settle: resolve,
        timer: undefined,
      }
      signal.addEventListener('abort', () => this.#leave(event), { once: true })
      this.#waiting.push(event)
      this.#handOut()
    })
    return { requestId, result }
  }

  /** A poller asks: called back with the next event. The returned function takes the request back. */
  next(onEvent: (event: HandedOut) => void): () => void {
    this.#hasPolled = true
    // Asking again before the answer hands out the same event again, as AWS's emulator does.
    if (this.#current !== undefined) {
      onEvent(this.#current)
      return () => undefined
    }
    this.#pollers.push(onEvent)
    this.#handOut()
    return () => {
      this.#pollers = this.#pollers.filter((one) => one !== onEvent)
    }
  }

  /** Takes a result or an error for the event in hand. */
  answer(requestId: string, result: InvokeResult): ApiStatus {
    const event = this.#current
    if (event === undefined || event.requestId !== requestId) {
      return {
        status: 400,
        errorType: 'InvalidRequestID',
        errorMessage: `${requestId} is not the event in hand`,
      }
    }
    if (result.kind === 'result' && result.body.length > resultBytesMax) {
      const errorMessage = `Exceeded maximum allowed payload size (${resultBytesMax} bytes).`
      const error = { errorType: 'Function.ResponseSizeTooLarge', errorMessage }
      this.#end({ kind: 'error', type: error.errorType, body: Buffer.from(JSON.stringify(error)) })
      return { status: 413, errorType: 'RequestEntityTooLarge', errorMessage }
    }
    this.#end(result)
    return accepted
  }

  /** Initialisation failed: whoever waits is told; only before the first `/next`. */
  initError(body: Buffer): ApiStatus {
    if (this.#hasPolled) {
      return {
        status: 403,
        errorType: 'InvalidStateTransition',
        errorMessage: 'init/error after the first next',
      }
    }
    for (const event of this.#waiting) event.settle({ kind: 'error', type: 'Runtime.InitError', body })
    this.#waiting = []
    return accepted
  }

  /** The emulator ends: everybody is sent home. */
  close(): void {
    const body = Buffer.from('{"errorType":"Emulator.Stopped","errorMessage":"the emulator was stopped"}')
    for (const event of this.#waiting) event.settle({ kind: 'error', type: 'Emulator.Stopped', body })
    this.#waiting = []
    this.#pollers = []
    if (this.#current !== undefined) this.#end({ kind: 'error', type: 'Emulator.Stopped', body })
  }

  #handOut(): void {
    if (this.#current !== undefined) return
    const [poller] = this.#pollers
    const [waiting] = this.#waiting
    if (poller === undefined || waiting === undefined) return
    this.#pollers.shift()
    this.#waiting.shift()
    const event: Event = { ...waiting, deadlineMs: this.#clock.nowMs() + this.#timeoutMs }
    event.timer = this.#clock.timer(this.#timeoutMs, () => this.#timeOut(event))
    this.#current = event
    poller(event)
  }

  #timeOut(event: Event): void {
    if (this.#current !== event) return
    const seconds = (this.#timeoutMs / 1000).toFixed(2)
    const errorMessage = `RequestId: ${event.requestId} Error: Task timed out after ${seconds} seconds`
    const error = { errorType: 'Sandbox.Timedout', errorMessage }
    this.#end({ kind: 'error', type: error.errorType, body: Buffer.from(JSON.stringify(error)) })
  }

  #end(result: InvokeResult): void {
    const event = this.#current
    this.#current = undefined
    event?.timer?.clear()
    event?.settle(result)
    this.#handOut()
  }

  #leave(event: object): void {
    this.#waiting = this.#waiting.filter((one) => one !== event)
  }
}

function newTraceId(nowMs: number): string {
  const seconds = Math.floor(nowMs / 1000).toString(16)
  const random = randomUUID().replaceAll('-', '').slice(0, 24)
  return `Root=1-${seconds}-${random};Parent=${randomUUID().slice(0, 8)}${randomUUID().slice(0, 8)};Sampled=0`
}
