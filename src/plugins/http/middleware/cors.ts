/** Cross-origin requests, as RoadRunner's `http.headers.cors` answers them. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { HttpConfig } from '../section.js'

type CorsKeys = NonNullable<HttpConfig['headers']['cors']>

/** Adds the headers of one request; true when it was a preflight and is answered. */
export type Cors = (request: IncomingMessage, response: ServerResponse) => boolean

/** Makes the rules. */
export function corsRules(keys: CorsKeys): Cors {
  const isAllowed = originRule(keys)
  const methods = new Set(listOf(keys.allowed_methods || 'GET,POST,HEAD').map((one) => one.toUpperCase()))
  const headers = new Set(listOf(keys.allowed_headers).map((one) => one.toLowerCase()))
  const allows = (asked: string) =>
    headers.has('*') || listOf(asked).every((one) => headers.has(one.toLowerCase()) || isSimple(one))
  const isAny = keys.allow_credentials !== true && listOf(keys.allowed_origin).includes('*')
  const allowOrigin = (response: ServerResponse, origin: string) => {
    response.setHeader('Access-Control-Allow-Origin', isAny ? '*' : origin)
    if (keys.allow_credentials === true) response.setHeader('Access-Control-Allow-Credentials', 'true')
  }
  return (request, response) => {
    const { origin } = request.headers
    const method = request.headers['access-control-request-method']
    const isPreflight = request.method === 'OPTIONS' && method !== undefined
    if (!isPreflight) {
      if (!isAny) response.appendHeader('Vary', 'Origin')
      if (origin === undefined || !isAllowed(origin)) return false
      allowOrigin(response, origin)
      if (keys.exposed_headers !== '')
        response.setHeader('Access-Control-Expose-Headers', keys.exposed_headers)
      return false
    }
    const asked = String(request.headers['access-control-request-headers'] ?? '')
    response.appendHeader('Vary', 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers')
    if (origin !== undefined && isAllowed(origin) && methods.has(method.toUpperCase()) && allows(asked)) {
      allowOrigin(response, origin)
      response.setHeader('Access-Control-Allow-Methods', method.toUpperCase())
      if (asked !== '') response.setHeader('Access-Control-Allow-Headers', asked)
      if (keys.max_age > 0) response.setHeader('Access-Control-Max-Age', String(keys.max_age))
    }
    response.writeHead(keys.options_success_status).end()
    return true
  }
}

function originRule({ allowed_origin: origins, allowed_origin_regex: pattern }: CorsKeys) {
  const list = listOf(origins)
  const regex = pattern === '' ? undefined : new RegExp(pattern)
  const rules = list.map((one) => {
    const [before = '', after] = one.split('*')
    return (origin: string) =>
      after === undefined
        ? origin === one
        : origin.length >= one.length - 1 && origin.startsWith(before) && origin.endsWith(after)
  })
  return (origin: string) => regex?.test(origin) === true || rules.some((rule) => rule(origin))
}

/** Headers that need no permission. */
function isSimple(name: string): boolean {
  return /^(accept|accept-language|content-language|origin)$/i.test(name)
}

function listOf(text: string): readonly string[] {
  return text
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '')
}
