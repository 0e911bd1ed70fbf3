/** A request of node:http as middleware looks at it. */
import type { IncomingMessage } from 'node:http'
import type { RequestLook } from '../serving/request-look.js'

/** Looks at a request. */
export function lookAt({ method = 'GET', url = '/', headers }: IncomingMessage): RequestLook {
  return {
    method,
    target: url,
    header(name) {
      const value = headers[name]
      return value === undefined ? undefined : String(value)
    },
  }
}
