/** Answers the requests of the page: its files, the login, the events, and the actions. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { type Logger, messageOf, objectOf, parseJson } from '../../index.js'
import { type ActionsOptions, runDashboardAction } from './actions.js'
import type { Broadcast } from './broadcast.js'
import { type PageFile, safeHeaders } from './pages.js'
import { requestFault } from './request-check.js'
import { type DashboardSessions, sessionMsMax } from './sessions.js'

/** Parts behind the routes. */
export interface DashboardRoutesOptions {
  readonly pages: ReadonlyMap<string, PageFile>
  readonly sessions: DashboardSessions
  readonly broadcast: Broadcast
  readonly actions: ActionsOptions
  readonly hosts: readonly string[]
  readonly hasToken: boolean
  readonly log: Logger
}

const bodyBytesMax = 64 * 1024
const actionPath = /^\/api\/action\/([a-z]+)$/
/** A header that a form or a link of another site cannot send. */
const ownHeader = 'x-relayrunner'

/** Returns the listener of the server. */
export function dashboardRoutes(
  options: DashboardRoutesOptions,
): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => {
    void answer(request, response, options).catch((error: unknown) => {
      options.log.error({ error: messageOf(error) }, 'a request of the dashboard failed')
      if (response.headersSent) response.destroy()
      else sendJson(response, 500, { error: 'the request failed, see the log' })
    })
  }
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  options: DashboardRoutesOptions,
): Promise<void> {
  for (const [name, value] of Object.entries(safeHeaders)) response.setHeader(name, value)
  const { method = '', headers, socket } = request
  const [path = '/'] = (request.url ?? '/').split('?', 1)
  const page = options.pages.get(path)
  const facts = {
    host: headers.host,
    origin: headers.origin,
    fetchSite: textOf(headers['sec-fetch-site']),
    localAddress: socket.localAddress,
  }
  const fault = requestFault(facts, options.hosts, path === '/' && method === 'GET')
  if (fault !== undefined) return sendJson(response, 403, { error: fault })
  if (page !== undefined) return sendPage(request, response, page)
  const cookie = cookieOf(request)
  const isIn = options.sessions.has(cookie)
  if (path === '/api/session' && method === 'GET')
    return sendJson(response, 200, { in: isIn, token: options.hasToken, actions: options.actions.isAllowed })
  if (path === '/api/events' && method === 'GET') return isIn ? events(response, options) : refuse(response)
  if (method !== 'POST') return sendJson(response, 404, { error: 'there is nothing here' })
  if (headers[ownHeader] === undefined || !/^application\/json\b/.test(headers['content-type'] ?? ''))
    return sendJson(response, 403, { error: 'the request is not one of the page' })
  const input = await bodyOf(request)
  if (input === undefined)
    return sendJson(response, 400, { error: 'the body is not a JSON object of at most 64 kB' })
  if (path === '/api/login') return login(request, response, options, input.token)
  if (!isIn) return refuse(response)
  if (path === '/api/logout') {
    options.sessions.end(cookie)
    response.setHeader('Set-Cookie', cookieText(request, '', 0))
    return sendJson(response, 200, {})
  }
  const action = actionPath.exec(path)?.[1]
  if (action === undefined) return sendJson(response, 404, { error: 'there is nothing here' })
  const { status, body } = await runDashboardAction(action, input, options.actions)
  sendJson(response, status, body)
}

function login(
  request: IncomingMessage,
  response: ServerResponse,
  { sessions, log }: DashboardRoutesOptions,
  given: unknown,
): void {
  const result = sessions.login(typeof given === 'string' ? given : '')
  const from = request.socket.remoteAddress
  if ('refused' in result) {
    log.warn({ from, why: result.refused }, 'a login to the dashboard was refused')
    const isMany = result.refused === 'too many'
    const error = isMany ? 'too many wrong logins: try again in a minute' : 'that is not right'
    sendJson(response, isMany ? 429 : 401, { error })
    return
  }
  log.info({ from }, 'a login to the dashboard')
  response.setHeader('Set-Cookie', cookieText(request, result.session, sessionMsMax / 1000))
  sendJson(response, 200, {})
}

async function events(response: ServerResponse, { broadcast }: DashboardRoutesOptions): Promise<void> {
  if (broadcast.isFull) return sendJson(response, 503, { error: 'too many pages are open' })
  response.writeHead(200, {
    'Content-Type': 'text/event-stream',
    'Cache-Control': 'no-store',
    // A proxy would hold events back.
    'X-Accel-Buffering': 'no',
  })
  await broadcast.open(response)
}

function refuse(response: ServerResponse): void {
  sendJson(response, 401, { error: 'log in first' })
}

function sendPage(
  { method, headers }: IncomingMessage,
  response: ServerResponse,
  { type, tag, bytes }: PageFile,
): void {
  if (method !== 'GET' && method !== 'HEAD') {
    sendJson(response, 405, { error: 'use GET or HEAD' })
    return
  }
  response.setHeader('Cache-Control', 'no-cache').setHeader('ETag', tag)
  if (headers['if-none-match'] === tag) {
    response.writeHead(304).end()
    return
  }
  response.writeHead(200, { 'Content-Type': type, 'Content-Length': bytes.length })
  response.end(method === 'HEAD' ? undefined : bytes)
}

function sendJson(response: ServerResponse, status: number, body: object): void {
  const text = JSON.stringify(body)
  response.writeHead(status, {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(text),
    'Cache-Control': 'no-store',
  })
  response.end(text)
}

/** Undefined for what is too large or not an object. */
async function bodyOf(request: IncomingMessage): Promise<Readonly<Record<string, unknown>> | undefined> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > bodyBytesMax) return undefined
    chunks.push(chunk)
  }
  const value = parseJson(Buffer.concat(chunks).toString())
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? objectOf(value) : undefined
}

/**
 * Makes the header of a cookie. `Secure` where the page was loaded by HTTPS, from a proxy with TLS in front. The browser says so in `Origin`, which no
 * page can set and whose host has been checked; `X-Forwarded-Proto` would need a list of proxies to trust.
 */
function cookieText(request: IncomingMessage, value: string, ageSeconds: number): string {
  const secure = request.headers.origin?.startsWith('https://') === true ? '; Secure' : ''
  return `${cookieName(request)}=${value}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${ageSeconds}${secure}`
}

/** Cookies are shared by all ports of a host: two dashboards on one must not end each other's sessions. */
function cookieName({ socket }: IncomingMessage): string {
  return `rr_dashboard_${socket.localPort ?? 0}`
}

function cookieOf(request: IncomingMessage): string {
  const name = `${cookieName(request)}=`
  const found = (request.headers.cookie ?? '').split(/; */).find((one) => one.startsWith(name))
  return found?.slice(name.length) ?? ''
}

function textOf(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : value?.[0]
}
