/** The middleware `headers`: sets headers of requests and responses, and answers cross-origin requests. */
import type { HttpMiddleware } from '../../../index.js'
import type { HttpConfig } from '../section.js'
import { corsRules } from './cors.js'

/** Makes the middleware. */
export function headersMiddleware({ cors, request, response }: HttpConfig['headers']): HttpMiddleware {
  const [asked, answered] = [Object.entries(request), Object.entries(response)]
  const rules = cors === undefined ? undefined : corsRules(cors)
  return {
    name: 'headers',
    handle(given, answer, next) {
      for (const [name, value] of asked) {
        given.headers[name.toLowerCase()] = value
        // Workers are told what stands here.
        given.rawHeaders.push(name, value)
      }
      for (const [name, value] of answered) answer.setHeader(name, value)
      if (rules?.(given, answer) !== true) next()
    },
  }
}
