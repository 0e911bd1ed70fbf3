/**
 * HTTP events of AWS → the request that RoadRunner's http plugin would have made of the same call. Knows API Gateway v1 and v2,
 * Function URLs, ALB (single and multi-value) and WebSocket events. Pure; bodies are parsed in `body.ts`.
 */
import { isObject, type JsonObject, objectOf, textOf } from '../../index.js'
import { canonicalName, escapeQuery, pathLine, queryLine, readCookies } from './text.js'

/** Source of an event; it decides the shape of the answer. */
export type HttpSource = 'api-gateway-v1' | 'api-gateway-v2' | 'alb' | 'alb-multi' | 'websocket'

/** Names with all their values. */
export type MultiValues = Readonly<Record<string, readonly string[]>>

/** A request as workers see it, but for its body's form. */
export interface HttpRequest {
  readonly source: HttpSource
  readonly remoteAddr: string
  readonly protocol: string
  readonly method: string
  /** Host as the caller named it; part of `uri`. */
  readonly host: string
  readonly uri: string
  /** Names as Go capitalises them; without Host, Transfer-Encoding and Trailer, which Go removes. */
  readonly headers: MultiValues
  readonly cookies: Readonly<Record<string, string>>
  readonly rawQuery: string
  readonly attributes: MultiValues
  readonly body: Buffer
}

/** Reads an event; undefined when it is not an HTTP event. */
export function readHttpEvent(event: unknown): HttpRequest | undefined {
  const json = objectOf(event)
  const context = objectOf(json.requestContext)
  const source = sourceOf(json, context)
  if (source === undefined) return undefined
  const given = headersOf(json)
  const query = queryLine(queryOf(json, source))
  const host = given.get('host')?.at(-1) ?? textOf(context.domainName) ?? 'lambda'
  const scheme = given.get('x-forwarded-proto')?.at(-1) === 'http' ? 'http' : 'https'
  const path = pathLine(pathOf(json, context, source))
  const body = bodyOf(json)
  return {
    source,
    remoteAddr: addressOf(context, given, source),
    protocol: textOf(context.protocol) ?? textOf(objectOf(context.http).protocol) ?? 'HTTP/1.1',
    method: methodOf(json, context, source),
    host,
    uri: `${scheme}://${host}${path}${query === '' ? '' : `?${query}`}`,
    headers: headersForWorker(given, body),
    cookies: readCookies(given.get('cookie') ?? []),
    rawQuery: query,
    attributes: attributesOf(context),
    body,
  }
}

function sourceOf(event: JsonObject, context: JsonObject): HttpSource | undefined {
  if (typeof context.connectionId === 'string' && typeof context.eventType === 'string') return 'websocket'
  if (context.elb !== undefined) return isObject(event.multiValueHeaders) ? 'alb-multi' : 'alb'
  if (typeof objectOf(context.http).method === 'string') return 'api-gateway-v2'
  if (typeof event.httpMethod === 'string') return 'api-gateway-v1'
  return undefined
}

/** Lower-case names with all values; cookies that API Gateway v2 took out of the headers are put back. */
function headersOf(event: JsonObject): Map<string, readonly string[]> {
  const headers = new Map<string, readonly string[]>()
  for (const [name, value] of Object.entries(objectOf(event.headers)))
    if (typeof value === 'string') headers.set(name.toLowerCase(), [value])
  // A header without a value cannot be sent; PHP's own classes throw at an empty list.
  for (const [name, values] of Object.entries(objectOf(event.multiValueHeaders)))
    if (Array.isArray(values) && values.length > 0) headers.set(name.toLowerCase(), values.map(String))
  if (Array.isArray(event.cookies) && event.cookies.length > 0)
    headers.set('cookie', [event.cookies.join('; ')])
  return headers
}

const hiddenHeaders: ReadonlySet<string> = new Set(['host', 'transfer-encoding', 'trailer'])

function headersForWorker(given: ReadonlyMap<string, readonly string[]>, body: Buffer): MultiValues {
  const shown = [...given].filter(([name]) => !hiddenHeaders.has(name))
  // Some gateways leave it out; PHP frameworks read it.
  if (body.length > 0 && !given.has('content-length')) shown.push(['content-length', [String(body.length)]])
  return Object.fromEntries(shown.map(([name, values]) => [canonicalName(name), values]))
}

function queryOf(event: JsonObject, source: HttpSource): string {
  if (typeof event.rawQueryString === 'string') return event.rawQueryString
  const multi = objectOf(event.multiValueQueryStringParameters)
  const single = objectOf(event.queryStringParameters)
  const isMulti = Object.keys(multi).length > 0
  const pairs = Object.entries(isMulti ? multi : single).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).map((one) => [name, String(one ?? '')] as const),
  )
  // ALB hands parameters over as they were in the URL, API Gateway decodes them.
  const encode = source === 'alb' || source === 'alb-multi' ? String : escapeQuery
  return pairs.map(([name, value]) => `${encode(name)}=${encode(value)}`).join('&')
}

function pathOf(event: JsonObject, context: JsonObject, source: HttpSource): string {
  const path =
    source === 'websocket'
      ? `/${textOf(context.routeKey) ?? '$default'}`
      : (textOf(event.rawPath) ?? textOf(event.path) ?? '/')
  return path.startsWith('/') ? path : `/${path}`
}

const webSocketMethods: ReadonlyMap<unknown, string> = new Map([
  ['CONNECT', 'GET'],
  ['MESSAGE', 'POST'],
  ['DISCONNECT', 'DELETE'],
])

function methodOf(event: JsonObject, context: JsonObject, source: HttpSource): string {
  if (source === 'websocket') return webSocketMethods.get(context.eventType) ?? 'POST'
  return textOf(event.httpMethod) ?? textOf(objectOf(context.http).method) ?? 'GET'
}

/** The caller's address. A load balancer appends it to the header that the caller sent, so the last entry counts. */
function addressOf(
  context: JsonObject,
  given: ReadonlyMap<string, readonly string[]>,
  source: HttpSource,
): string {
  const told = textOf(objectOf(context.identity).sourceIp) ?? textOf(objectOf(context.http).sourceIp)
  if (told !== undefined || !source.startsWith('alb')) return told ?? '127.0.0.1'
  return withoutPort(given.get('x-forwarded-for')?.at(-1)?.split(',').at(-1)?.trim() ?? '') || '127.0.0.1'
}

/** A load balancer that keeps the client's port writes it behind the address: `1.2.3.4:567`, `[::1]:567`. */
function withoutPort(address: string): string {
  return /^\[(.+)\](?::\d+)?$/.exec(address)?.[1] ?? /^([^:]+):\d+$/.exec(address)?.[1] ?? address
}

const connectionNames = ['connectionId', 'eventType', 'routeKey', 'messageId', 'stage'] as const

/** Returns the PSR-7 attributes: properties of the call that only Lambda knows. */
function attributesOf(context: JsonObject): MultiValues {
  const attributes: Record<string, readonly string[]> = {
    'lambda-request-context': [JSON.stringify(context)],
  }
  if (typeof context.connectionId !== 'string') return attributes
  for (const name of connectionNames) {
    const text = textOf(context[name])
    if (text !== undefined) attributes[name] = [text]
  }
  return attributes
}

function bodyOf(event: JsonObject): Buffer {
  if (typeof event.body !== 'string') return Buffer.alloc(0)
  return Buffer.from(event.body, event.isBase64Encoded === true ? 'base64' : 'utf8')
}
