import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ALBResult, APIGatewayProxyResult, APIGatewayProxyStructuredResultV2 } from 'aws-lambda'
import type { HttpSource } from '../../../src/work/http/request.js'
import { encodeResponse } from '../../../src/work/http/response.js'

const headers = { 'Content-Type': ['text/plain'], 'Set-Cookie': ['a=1', 'b=2; Path=/'], Vary: ['x', 'y'] }

function encode<Result>(
  source: HttpSource,
  head: object,
  body: Uint8Array | string = '',
  method = 'GET',
): Result {
  const given = { status: 200, headers: {}, ...head }
  return JSON.parse(encodeResponse({ source, method }, given, Buffer.from(body)))
}

test('API Gateway v1 gets every value of every header', () => {
  const result = encode<APIGatewayProxyResult>('api-gateway-v1', { status: 201, headers }, 'hi')
  assert.deepEqual(result, {
    statusCode: 201,
    multiValueHeaders: headers,
    body: 'hi',
    isBase64Encoded: false,
  })
})

test('API Gateway v2 and Function URLs get cookies as a list and other headers joined', () => {
  const result = encode<APIGatewayProxyStructuredResultV2>('api-gateway-v2', { headers }, 'hi')
  assert.deepEqual(result, {
    statusCode: 200,
    headers: { 'Content-Type': 'text/plain', Vary: 'x, y' },
    cookies: ['a=1', 'b=2; Path=/'],
    body: 'hi',
    isBase64Encoded: false,
  })
  assert.ok(!('cookies' in encode<object>('api-gateway-v2', {})), 'cookies where there are none')
})

test('a load balancer is answered in the kind of headers that it asked with', () => {
  const multi = encode<ALBResult>('alb-multi', { status: 404, headers }, 'no')
  assert.deepEqual(multi, {
    statusCode: 404,
    statusDescription: '404 Not Found',
    multiValueHeaders: headers,
    body: 'no',
    isBase64Encoded: false,
  })
  const single = encode<ALBResult>('alb', { status: 299, headers })
  assert.equal(single.statusDescription, '299 Unknown')
  assert.equal(single.multiValueHeaders, undefined)
  assert.deepEqual(single.headers, {
    'Content-Type': 'text/plain',
    Vary: 'x, y',
    'set-cookie': 'a=1',
    'Set-cookie': 'b=2; Path=/',
  })
})

test('a load balancer without multi-value headers still gets five hundred cookies, each once', () => {
  const cookies = Array.from({ length: 500 }, (_, at) => `c${at}=1`)
  const { headers: given } = encode<ALBResult>('alb', { headers: { 'Set-Cookie': cookies } })
  assert.deepEqual(Object.values(given ?? {}), cookies)
})

test('a WebSocket route is answered with a status and a body alone', () => {
  assert.deepEqual(encode('websocket', { status: 403, headers }, 'no'), {
    statusCode: 403,
    body: 'no',
    isBase64Encoded: false,
  })
})

test('what is no UTF-8, or is compressed, goes in base64; all else as text', () => {
  const png = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0xff, 0x00])
  const cases: readonly [Uint8Array | string, object, boolean][] = [
    [png, {}, true],
    ['grüße \0', {}, false],
    ['', {}, false],
    ['looks like text', { 'content-encoding': ['br'] }, true],
  ]
  for (const source of ['api-gateway-v1', 'api-gateway-v2', 'alb', 'alb-multi'] as const) {
    for (const [body, given, isEncoded] of cases) {
      const result = encode<APIGatewayProxyResult>(source, { headers: given }, body)
      assert.equal(result.isBase64Encoded, isEncoded)
      assert.deepEqual(Buffer.from(result.body, isEncoded ? 'base64' : 'utf8'), Buffer.from(body))
    }
  }
})

test('an answer to HEAD, and 204 and 304, have no body, whatever the worker sent', () => {
  const cases = [
    ['HEAD', 200],
    ['GET', 204],
    ['GET', 304],
  ] as const
  for (const [method, status] of cases) {
    const given = { 'Content-Length': ['4'] }
    const result = encode<APIGatewayProxyResult>('api-gateway-v1', { status, headers: given }, 'body', method)
    assert.equal(result.body, '')
    assert.deepEqual(result.multiValueHeaders, given)
  }
})

test('headers of the connection between worker and server are not the caller’s', () => {
  const given = { 'Transfer-Encoding': ['chunked'], Connection: ['close'], Trailer: ['X-A'], 'X-A': ['b'] }
  assert.deepEqual(encode<APIGatewayProxyResult>('api-gateway-v1', { headers: given }).multiValueHeaders, {
    'X-A': ['b'],
  })
})
