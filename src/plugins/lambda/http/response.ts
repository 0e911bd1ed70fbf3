/** A worker's HTTP answer → what API Gateway, a Function URL or a load balancer take as one. Pure. */
import { isUtf8 } from 'node:buffer'
import { STATUS_CODES } from 'node:http'
import type { HttpReplyHead } from './message.js'
import type { HttpSource, Values } from './request.js'

/** A load balancer takes 1 MB; Lambda's own limit holds for the others (`answer.ts`). */
export const albBytesMax = 1_000_000

/** Encodes an answer as the result of the function. */
export function encodeResponse(source: HttpSource, head: HttpReplyHead, body: Uint8Array): string {
  const status = head.status >= 100 && head.status <= 599 ? head.status : 500
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.length)
  const isText = isUtf8(bytes) && !hasHeader(head.headers, 'content-encoding')
  const content = {
    body: bytes.toString(isText ? 'utf8' : 'base64'),
    isBase64Encoded: !isText,
  }
  return JSON.stringify({ statusCode: status, ...headersFor(source, status, head.headers), ...content })
}

/** The headers as an answer to events of `source` carries them. */
export function headersFor(source: HttpSource, status: number, headers: Values): object {
  switch (source) {
    case 'api-gateway-v1':
      return { multiValueHeaders: headers }
    case 'api-gateway-v2': {
      const cookies = valuesOf(headers, 'set-cookie')
      const others = Object.entries(headers).filter(([name]) => name.toLowerCase() !== 'set-cookie')
      return { headers: joined(others), ...(cookies.length === 0 ? {} : { cookies }) }
    }
    case 'alb-multi':
      return { statusDescription: description(status), multiValueHeaders: headers }
    case 'alb':
      return { statusDescription: description(status), headers: spelledApart(headers) }
    case 'websocket':
      return {}
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
function spelledApart(headers: Values): Readonly<Record<string, string>> {
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

function valuesOf(headers: Values, name: string): readonly string[] {
  return Object.entries(headers).flatMap(([given, values]) => (given.toLowerCase() === name ? values : []))
}

function hasHeader(headers: Values, name: string): boolean {
  return valuesOf(headers, name).length > 0
}
