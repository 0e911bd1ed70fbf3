/** A worker's HTTP answer → the result that API Gateway, a Function URL or a load balancer expects. Pure. */

import { isUtf8 } from 'node:buffer'
import { STATUS_CODES } from 'node:http'
import { unreachable } from '../../index.js'
import type { HttpReplyHead } from './message.js'
import type { HttpSource, MultiValues } from './request.js'

/** A load balancer takes 1 MB; Lambda's own limit holds for the others (`answer.ts`). */
export const albBytesMax = 1_000_000

/** The call that an answer belongs to. */
export interface HttpCall {
  readonly source: HttpSource
  readonly method: string
}

/** Encodes an answer as the result of the function. */
export function encodeResponse(call: HttpCall, head: HttpReplyHead, body: Uint8Array): string {
  const bytes = hasBody(call, head.status)
    ? Buffer.from(body.buffer, body.byteOffset, body.length)
    : Buffer.alloc(0)
  const isText = isUtf8(bytes) && !hasHeader(head.headers, 'content-encoding')
  return JSON.stringify({
    ...encodeHead(call, head),
    body: bytes.toString(isText ? 'utf8' : 'base64'),
    isBase64Encoded: !isText,
  })
}

/** True for an answer that can have a body; Go drops the body of others. */
export function hasBody({ method }: Pick<HttpCall, 'method'>, status: number): boolean {
  return method !== 'HEAD' && status !== 204 && status !== 304
}

// They belong to a connection that the gateway, not we, has with the caller.
const hopHeaders: ReadonlySet<string> = new Set(['connection', 'keep-alive', 'trailer', 'transfer-encoding'])

/** Status and headers as the answer to such a call carries them. */
export function encodeHead({ source }: HttpCall, { status, headers: given }: HttpReplyHead): object {
  const entries = Object.entries(given).filter(([name]) => !hopHeaders.has(name.toLowerCase()))
  const headers = Object.fromEntries(entries)
  switch (source) {
    case 'api-gateway-v1':
      return { statusCode: status, multiValueHeaders: headers }
    case 'api-gateway-v2': {
      const cookies = valuesOf(headers, 'set-cookie')
      const others = entries.filter(([name]) => name.toLowerCase() !== 'set-cookie')
      return {
        statusCode: status,
        headers: joined(others),
        ...(cookies.length === 0 ? {} : { cookies }),
      }
    }
    case 'alb-multi':
      return { statusCode: status, statusDescription: description(status), multiValueHeaders: headers }
    case 'alb':
      return { statusCode: status, statusDescription: description(status), headers: spelledApart(headers) }
    case 'websocket':
      return { statusCode: status }
    default:
      return unreachable(source)
  }
}

function description(status: number): string {
  return `${status} ${STATUS_CODES[status] ?? 'Unknown'}`
}

function joined(
  entries: readonly (readonly [string, readonly string[]])[],
): Readonly<Record<string, string>> {
  return Object.fromEntries(entries.map(([name, values]) => [name, values.join(', ')]))
}

/**
 * One value a name is all that a target group without multi-value headers takes, and cookies must not be joined. Names
 * are told apart by case there and are equal to every browser, so each further cookie gets another spelling.
 */
function spelledApart(headers: MultiValues): Readonly<Record<string, string>> {
  const entries = Object.entries(headers)
  const single = joined(entries.filter(([name]) => name.toLowerCase() !== 'set-cookie'))
  const cookies = valuesOf(headers, 'set-cookie')
  return { ...single, ...Object.fromEntries(cookies.map((value, at) => [spelling('set-cookie', at), value])) }
}

/** The name in its `at`-th combination of upper and lower case. */
function spelling(name: string, at: number): string {
  let bits = at
  return name.replace(/[a-z]/g, (letter) => {
    const isUpper = bits % 2 === 1
    bits = Math.floor(bits / 2)
    return isUpper ? letter.toUpperCase() : letter
  })
}

function valuesOf(headers: MultiValues, name: string): readonly string[] {
  return Object.entries(headers).flatMap(([given, values]) => (given.toLowerCase() === name ? values : []))
}

function hasHeader(headers: MultiValues, name: string): boolean {
  return valuesOf(headers, name).length > 0
}
