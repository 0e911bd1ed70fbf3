/**
 * Calls an ordinary handler, which may answer by a promise, by its callback, by `context.succeed`, `fail` or `done`, or not at
 * all, with the rules of AWS's client for Node 20 and 22. The first answer counts.
 */
import { types } from 'node:util'
import { deferred } from '../../../src/core/deferred.js'
import type { EmptyLoop } from './empty-loop.js'
import { generatorFault, nodeJsExit } from './errors.js'
import type { LambdaHandler } from './file.js'

/** Options of a call. */
export interface CallOptions {
  readonly event: unknown
  /** Part of the context that does not depend on the answer. */
  readonly context: object
  readonly loop: EmptyLoop
}

/** A call that is under way. */
export interface HandlerCall {
  /** The result, or what the handler failed with. */
  readonly answer: Promise<unknown>
  /** Fails the call because of an uncaught error, unless it was answered. */
  fail(error: unknown): void
}

/** Calls the handler. */
export function callHandler(handler: LambdaHandler, { event, context, loop }: CallOptions): HandlerCall {
  const { promise, resolve, reject } = deferred<unknown>()
  let isAnswered = false
  let returned: unknown
  /** Result of the callback, which waits until the event loop is empty. */
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
    else if (types.isGeneratorObject(returned)) fail(generatorFault())
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

/** Answers null, as AWS's client does: a plain value that the handler returned is never the result. */
function endWithoutAnswer(handler: LambdaHandler, succeed: (result: unknown) => void): void {
  if (handler.length >= callbackPlace)
    console.warn('The handler takes a callback and ended without calling it: its result is null.')
  succeed(undefined)
}

function isNothing(error: unknown): boolean {
  return error === undefined || error === null
}

/** Reads a promise's `then` once: a getter or a proxy may throw. */
function isThenable(value: unknown): value is PromiseLike<unknown> {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false
  return typeof Reflect.get(value, 'then') === 'function'
}
