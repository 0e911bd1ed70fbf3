/** Cross-origin requests, as RoadRunner's `http.headers.cors` answers them. */
import type { HttpConfig } from '../section.js'
import type { RequestLook } from '../serving/request-look.js'

type CorsKeys = NonNullable<HttpConfig['headers']['cors']>

/** Verdict on a request: headers of its answer, and the status of an answer without a body when it was a preflight. */
interface CorsAnswer {
  readonly fields: readonly (readonly [name: string, value: string])[]
  readonly status?: number
}

/** Decides about one request. */
export type Cors = (look: RequestLook) => CorsAnswer

const varyOfPreflight = 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers'

/** True for a request by which a browser asks for permission. */
export function isPreflight(look: RequestLook): boolean {
  return look.method === 'OPTIONS' && look.header('access-control-request-method') !== undefined
}

/** Makes the rules. */
export function corsRules(keys: CorsKeys): Cors {
  const isAllowed = originRule(keys)
  const methods = new Set(listOf(keys.allowed_methods || 'GET,POST,HEAD').map((one) => one.toUpperCase()))
  const headers = new Set(listOf(keys.allowed_headers).map((one) => one.toLowerCase()))
  const allows = (asked: string) =>
    headers.has('*') || listOf(asked).every((one) => headers.has(one.toLowerCase()) || isSimple(one))
  const isAny = keys.allow_credentials !== true && listOf(keys.allowed_origin).includes('*')
  const allowed = (origin: string): [string, string][] => [
    ['Access-Control-Allow-Origin', isAny ? '*' : origin],
    ...(keys.allow_credentials === true
      ? [['Access-Control-Allow-Credentials', 'true'] as [string, string]]
      : []),
  ]
  return (look) => {
    const origin = look.header('origin')
    const fields: [string, string][] = []
    if (!isPreflight(look)) {
      if (!isAny) fields.push(['Vary', 'Origin'])
      if (origin === undefined || !isAllowed(origin)) return { fields }
      fields.push(...allowed(origin))
      if (keys.exposed_headers !== '') fields.push(['Access-Control-Expose-Headers', keys.exposed_headers])
      return { fields }
    }
    const method = look.header('access-control-request-method')?.toUpperCase() ?? ''
    const asked = look.header('access-control-request-headers') ?? ''
    fields.push(['Vary', varyOfPreflight])
    if (origin !== undefined && isAllowed(origin) && methods.has(method) && allows(asked)) {
      fields.push(...allowed(origin), ['Access-Control-Allow-Methods', method])
      if (asked !== '') fields.push(['Access-Control-Allow-Headers', asked])
      if (keys.max_age > 0) fields.push(['Access-Control-Max-Age', String(keys.max_age)])
    }
    return { fields, status: keys.options_success_status }
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
