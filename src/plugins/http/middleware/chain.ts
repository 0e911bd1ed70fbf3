/** Middleware around what answers requests in the end. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { type HttpMiddleware, type Logger, messageOf } from '../../../index.js'

/** A handler of requests. */
export type RequestHandler = (request: IncomingMessage, response: ServerResponse) => void

/**
 * Puts middleware around `last`. As in RoadRunner the last of the list is the outermost: it sees a request first. One that fails answers with 500.
 */
export function chained(
  middleware: readonly HttpMiddleware[],
  last: RequestHandler,
  log: Logger,
): RequestHandler {
  return middleware.reduce((inner: RequestHandler, one) => around(one, inner, log), last)
}

function around(one: HttpMiddleware, inner: RequestHandler, log: Logger): RequestHandler {
  return (request, response) => {
    let isOver = false
    const next = (error?: unknown) => {
      if (isOver) return
      isOver = true
      if (error === undefined || error === null) inner(request, response)
      else fail(response, error)
    }
    const fail = (to: ServerResponse, error: unknown) => {
      log.error({ middleware: one.name, error, reason: messageOf(error) }, 'a middleware failed')
      if (to.headersSent) to.destroy()
      else to.writeHead(statusOfError(error), { 'Content-Type': 'text/plain; charset=utf-8' }).end()
    }
    try {
      const result = one.handle(request, response, next)
      if (result instanceof Promise) result.catch(next)
    } catch (error) {
      next(error ?? new Error('a middleware threw nothing'))
    }
  }
}

/** Errors of Connect's middleware may say which status they mean. */
function statusOfError(error: unknown): number {
  const status =
    typeof error === 'object' && error !== null && 'status' in error ? Number(error.status) : Number.NaN
  return Number.isInteger(status) && status >= 400 && status <= 599 ? status : 500
}
