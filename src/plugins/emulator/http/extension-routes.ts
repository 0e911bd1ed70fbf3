/** The routes that extensions call: the Extensions API, 2020-01-01. */
import type { Extensions } from '../function/extensions.js'
import { type Exchange, type HttpRoute, header, readRequestBody, sendStatus } from './exchange.js'

const bodyBytesMax = 64 * 1024
const idHeader = 'lambda-extension-identifier'

/** Facts about its function that a registered extension is told. */
export interface ExtensionFacts {
  readonly functionName: string
  readonly functionVersion: string
  readonly handler: string
}

/** Makes the four routes. */
export function extensionRoutes(extensions: Extensions, facts: ExtensionFacts): readonly HttpRoute[] {
  return [
    ['POST', /^\/2020-01-01\/extension\/register$/, (exchange) => register(exchange, extensions, facts)],
    ['GET', /^\/2020-01-01\/extension\/event\/next$/, (exchange) => next(exchange, extensions)],
    ['POST', /^\/2020-01-01\/extension\/(init|exit)\/error$/, (exchange) => fail(exchange, extensions)],
  ]
}

async function register(exchange: Exchange, extensions: Extensions, facts: ExtensionFacts): Promise<void> {
  const { request, response, share } = exchange
  const read = await readRequestBody(request, bodyBytesMax, share)
  if (read.kind === 'cut') return
  const text = read.kind === 'whole' ? read.body.toString('utf8') : 'too large'
  const registered = extensions.register(header(request, 'lambda-extension-name'), text)
  if ('status' in registered) return sendStatus(response, registered)
  const isAccountAsked = header(request, 'lambda-extension-accept-feature')?.includes('accountId') === true
  response.setHeader('Lambda-Extension-Identifier', registered.identifier)
  response.setHeader('Content-Type', 'application/json')
  response.end(JSON.stringify({ ...facts, ...(isAccountAsked ? { accountId: '123456789012' } : {}) }))
}

/** Answers with the next event. For an extension without events the call never returns. */
function next({ request, response }: Exchange, extensions: Extensions): void {
  const waiting = extensions.next(header(request, idHeader), (event, eventId) => {
    response.setHeader('Lambda-Extension-Event-Identifier', eventId)
    response.setHeader('Content-Type', 'application/json')
    response.end(JSON.stringify(event))
  })
  if (typeof waiting !== 'function') {
    sendStatus(response, waiting)
    return
  }
  request.socket.once('close', waiting)
  response.once('finish', () => request.socket.off('close', waiting))
}

async function fail({ request, response, id, share }: Exchange, extensions: Extensions): Promise<void> {
  const read = await readRequestBody(request, bodyBytesMax, share)
  if (read.kind === 'cut') return
  const type = header(request, 'lambda-extension-function-error-type')
  sendStatus(
    response,
    extensions.fail(header(request, idHeader), { call: id === 'init' ? 'init-error' : 'exit-error', type }),
  )
}
