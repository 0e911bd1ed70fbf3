/** The middleware `headers`: sets headers of requests and responses, and answers cross-origin requests. */
import { lookAt } from '../node/look.js'
import type { HttpConfig } from '../section.js'
import { isShared } from '../serving/with-fields.js'
import { corsRules, isPreflight } from './cors.js'
import type { AddedFields, BuiltInMiddleware } from './plain-part.js'

/** Makes the middleware. */
export function headersMiddleware({ cors, request, response }: HttpConfig['headers']): BuiltInMiddleware {
  const [told, answered] = [Object.entries(request), Object.entries(response)]
  const rules = cors === undefined ? undefined : corsRules(cors)
  const usual: AddedFields = { key: '', fields: answered }
  return {
    name: 'headers',
    plain: {
      told,
      ...(rules === undefined ? {} : { answers: isPreflight }),
      ...(answered.length === 0 && rules === undefined
        ? {}
        : {
            addedTo: (look) =>
              rules === undefined
                ? usual
                : { key: look.header('origin') ?? '', fields: [...answered, ...rules(look).fields] },
          }),
    },
    handle(given, answer, next) {
      for (const [name, value] of told) {
        given.headers[name.toLowerCase()] = value
        // Workers are told what stands here.
        given.rawHeaders.push(name, value)
      }
      for (const [name, value] of answered) answer.setHeader(name, value)
      const { fields, status } = rules?.(lookAt(given)) ?? { fields: [] }
      for (const [name, value] of fields)
        if (isShared(name)) answer.appendHeader(name, value)
        else answer.setHeader(name, value)
      if (status === undefined) next()
      else answer.writeHead(status).end()
    },
  }
}
