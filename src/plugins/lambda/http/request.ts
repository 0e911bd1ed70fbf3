/**
 * HTTP events of AWS → the request that RoadRunner's http plugin would have made of the same call. Knows API Gateway v1 and v2,
 * Function URLs, ALB (single and multi-value) and WebSocket events. Pure; bodies are parsed in `body.ts`.
 */

/** Where an event came from; what its answer looks like depends on it. */
export type HttpSource = 'api-gateway-v1' | 'api-gateway-v2' | 'alb' | 'alb-multi' | 'websocket'

/** Names with all their values. */
export type Values = Readonly<Record<string, readonly string[]>>

/** A request as workers see it, but for its body's form. */
export interface HttpRequest {
  readonly source: HttpSource
  readonly remoteAddr: string
  readonly protocol: string
  readonly method: string
  readonly uri: string
  /** Go's capitalisation; without Host, Transfer-Encoding and Trailer, which Go takes out. */
  readonly headers: Values
  readonly cookies: Readonly<Record<string, string>>
  readonly rawQuery: string
  readonly attributes: Values
  readonly body: Buffer
}

type Json = Readonly<Record<string, unknown>>

/** Reads an event; undefined when it is none of HTTP. */
export function readHttpEvent(event: unknown): HttpRequest | undefined {
  const json = objectOf(event)
  const context = objectOf(json.requestContext)
  const source = sourceOf(json, context)
  if (source === undefined) return undefined
  const given = headersOf(json)
  const query = queryOf(json, source)
  const host = given.get('host')?.at(-1) ?? textOf(context.domainName) ?? 'lambda'
  const scheme = given.get('x-forwarded-proto')?.at(-1) ?? 'https'
  const path = pathOf(json, context, source)
  const body = bodyOf(json)
  return {
    source,
    remoteAddr: addressOf(context, given, source),
    protocol: textOf(context.protocol) ?? textOf(objectOf(context.http).protocol) ?? 'HTTP/1.1',
    method: methodOf(json, context, source),
    uri: oneLine(`${scheme}://${host}${path}${query === '' ? '' : `?${query}`}`),
    headers: headersForWorker(given, body),
    cookies: cookiesOf(given.get('cookie') ?? []),
    rawQuery: oneLine(query),
    attributes: attributesOf(context),
    body,
  }
}

function sourceOf(event: Json, context: Json): HttpSource | undefined {
  if (typeof context.connectionId === 'string' && typeof context.eventType === 'string') return 'websocket'
  if (context.elb !== undefined) return event.multiValueHeaders === undefined ? 'alb' : 'alb-multi'
  if (typeof objectOf(context.http).method === 'string') return 'api-gateway-v2'
  if (typeof event.httpMethod === 'string') return 'api-gateway-v1'
  return undefined
}

/** Lower-case names with all values; cookies that API Gateway v2 took out of the headers are put back. */
function headersOf(event: Json): Map<string, readonly string[]> {
  const headers = new Map<string, readonly string[]>()
  for (const [name, value] of Object.entries(objectOf(event.headers)))
    if (typeof value === 'string') headers.set(name.toLowerCase(), [value])
  for (const [name, values] of Object.entries(objectOf(event.multiValueHeaders)))
    if (Array.isArray(values)) headers.set(name.toLowerCase(), values.map(String))
  if (Array.isArray(event.cookies) && event.cookies.length > 0)
    headers.set('cookie', [event.cookies.join('; ')])
  return headers
}

const hiddenHeaders: ReadonlySet<string> = new Set(['host', 'transfer-encoding', 'trailer'])

function headersForWorker(given: ReadonlyMap<string, readonly string[]>, body: Buffer): Values {
  const headers: Record<string, readonly string[]> = {}
  for (const [name, values] of given) if (!hiddenHeaders.has(name)) headers[canonical(name)] = values
  // Some gateways leave it out; PHP frameworks look at it.
  if (body.length > 0 && !given.has('content-length')) headers['Content-Length'] = [String(body.length)]
  return headers
}

/** `content-type` → `Content-Type`, as Go writes header names. */
function canonical(name: string): string {
  return name.replace(/(^|-)([a-z])/g, (_, dash: string, letter: string) => dash + letter.toUpperCase())
}

function queryOf(event: Json, source: HttpSource): string {
  if (typeof event.rawQueryString === 'string') return event.rawQueryString
  const multi = objectOf(event.multiValueQueryStringParameters)
  const single = objectOf(event.queryStringParameters)
  const isMulti = Object.keys(multi).length > 0
  const pairs = Object.entries(isMulti ? multi : single).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).map((one) => [name, String(one ?? '')] as const),
  )
  // ALB hands parameters over as they were in the URL, API Gateway decodes them.
  const encode = source === 'alb' || source === 'alb-multi' ? String : encodeURIComponent
  return pairs.map(([name, value]) => `${encode(name)}=${encode(value)}`).join('&')
}

function pathOf(event: Json, context: Json, source: HttpSource): string {
  const path =
    source === 'websocket'
      ? `/${textOf(context.routeKey) ?? '$default'}`
      : (textOf(event.rawPath) ?? textOf(event.path) ?? '/')
  return path.startsWith('/') ? path : `/${path}`
}

const webSocketMethods: Readonly<Record<string, string>> = {
  CONNECT: 'GET',
  MESSAGE: 'POST',
  DISCONNECT: 'DELETE',
}

function methodOf(event: Json, context: Json, source: HttpSource): string {
  if (source === 'websocket') return webSocketMethods[String(context.eventType)] ?? 'POST'
  return textOf(event.httpMethod) ?? textOf(objectOf(context.http).method) ?? 'GET'
}

/** The caller's address. A load balancer appends it to what the caller claimed in the header, so its last word counts. */
function addressOf(context: Json, given: ReadonlyMap<string, readonly string[]>, source: HttpSource): string {
  const told = textOf(objectOf(context.identity).sourceIp) ?? textOf(objectOf(context.http).sourceIp)
  if (told !== undefined || !source.startsWith('alb')) return told ?? '127.0.0.1'
  return given.get('x-forwarded-for')?.at(-1)?.split(',').at(-1)?.trim() || '127.0.0.1'
}

function cookiesOf(lines: readonly string[]): Readonly<Record<string, string>> {
  const cookies: Record<string, string> = {}
  for (const pair of lines.flatMap((line) => line.split(';'))) {
    const equals = pair.indexOf('=')
    if (equals < 0) continue
    const name = pair.slice(0, equals).trim()
    try {
      Object.defineProperty(cookies, name, {
        value: decodeURIComponent(pair.slice(equals + 1).trim()),
        enumerable: true,
        configurable: true,
      })
    } catch {
      // Not percent-encoded text: left out, as RoadRunner does.
    }
  }
  return cookies
}

const connectionNames = ['connectionId', 'eventType', 'routeKey', 'messageId', 'stage'] as const

/** PSR-7 attributes: what only Lambda knows of the call. */
function attributesOf(context: Json): Values {
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

function bodyOf(event: Json): Buffer {
  if (typeof event.body !== 'string') return Buffer.alloc(0)
  return Buffer.from(event.body, event.isBase64Encoded === true ? 'base64' : 'utf8')
}

function oneLine(text: string): string {
  return text.replace(/[\r\n]/g, '')
}

function objectOf(value: unknown): Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {}
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}
