/**
 * One call of an ordinary handler, which may answer by a promise, by its callback, by `context.succeed`, `fail` or `done`, or not at
 * all: as AWS's client takes them for Node 20 and 22. The first answer counts.
 */
import type { EmptyLoop } from './empty-loop.js'
import { nodeJsExit } from './handler-errors.js'
import type { LambdaHandler } from './handler-file.js'

/** What a call is made with. */
export interface CallOptions {
  readonly event: unknown
  /** The part of the context that has no part in the answer. */
  readonly context: object
  readonly loop: EmptyLoop
}

/** A call that is under way. */
export interface HandlerCall {
  /** The result, or what the handler failed with. */
  readonly answer: Promise<unknown>
  /** Fails it from outside, unless it has its answer: an error was thrown that nobody caught. */
  fail(error: unknown): void
}

/** Calls the handler. */
export function callHandler(handler: LambdaHandler, { event, context, loop }: CallOptions): HandlerCall {
  const { promise, resolve, reject } = settlement()
  let isAnswered = false
  let returned: unknown
  /** The callback's result, which waits for the loop to run empty. */
  let waiting: { readonly result: unknown } | undefined
  let waitsForEmptyLoop = true
  const once = (settle: (...values: readonly unknown[]) => void) => {
    return (...values: readonly unknown[]) => {
      if (isAnswered) return
      isAnswered = true
      settle(...values)
    }
  }
  const done = (error: unknown, result: unknown) => (isNothing(error) ? resolve(result) : reject(error))
  const callback = once((error, result) => {
    if (isNothing(error) && waitsForEmptyLoop) waiting = { result }
    else done(error, result)
  })
  const succeed = once((result) => resolve(result))
  const fail = once((error) => reject(error))
  const own = {
    get callbackWaitsForEmptyEventLoop() {
      return waitsForEmptyLoop
    },
    set callbackWaitsForEmptyEventLoop(waits: boolean) {
      waitsForEmptyLoop = waits
    },
    succeed,
    fail,
    done: once(done),
  }
  loop.watch(() => {
    if (waiting !== undefined) resolve(waiting.result)
    else if (isThenable(returned)) fail(nodeJsExit())
    else endWithoutAnswer(handler, succeed)
  })
  try {
    returned = handler(event, Object.assign(own, context), callback)
    if (isThenable(returned)) returned.then(succeed, fail)
  } catch (error) {
    fail(error)
  }
  return { answer: promise.finally(() => loop.end()), fail: reject }
}

// The callback is the third parameter.
const callbackPlace = 3

/** As AWS's client: null. What the handler returned without a promise is never the result. */
function endWithoutAnswer(handler: LambdaHandler, succeed: (result: unknown) => void): void {
  if (handler.length >= callbackPlace)
    console.warn('The handler takes a callback and ended without calling it: its result is null.')
  succeed(undefined)
}

function isNothing(error: unknown): boolean {
  return error === undefined || error === null
}

/** A promise's methods are looked at once: a getter or a proxy may throw. */
function isThenable(value: unknown): value is PromiseLike<unknown> {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false
  return typeof Reflect.get(value, 'then') === 'function'
}

function settlement() {
  let resolve!: (value: unknown) => void
  let reject!: (error: unknown) => void
  const promise = new Promise<unknown>((res, rej) => {
    resolve = res
    reject = rej
  })
  return { promise, resolve, reject }
}
