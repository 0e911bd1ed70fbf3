/**
 * Contract of HTTP middleware, in the shape of Connect: compression, helmet, cors and the like fit as they are. A plugin provides one under
 * `HttpMiddleware`, and a plugin that serves HTTP needs `all(HttpMiddleware)` and runs those that its section names, in its order.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { serviceKey } from '../supervisor/plugins/keys.js'

/** Hands the request on to the next middleware, or to the workers behind the last; with an error the request is answered with 500. */
export type Next = (error?: unknown) => void

/** One middleware. */
export interface HttpMiddleware {
  /** Name by which a section lists it. */
  readonly name: string
  /** Answers the request itself, or calls `next` once. One that throws, or whose promise rejects, counts as `next(error)`. */
  handle(request: IncomingMessage, response: ServerResponse, next: Next): unknown
}

/** Key of the middleware. */
export const HttpMiddleware = serviceKey<HttpMiddleware>('http.middleware')
