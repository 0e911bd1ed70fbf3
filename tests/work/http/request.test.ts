import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type HttpRequest, readHttpEvent } from '../../../src/work/http/request.js'
import { albEvent, httpApiEvent, restEvent, socketEvent, urlEvent } from '../../helpers/http-events.js'

function read(event: unknown): HttpRequest {
  const request = readHttpEvent(event)
  assert.ok(request !== undefined, 'taken for no HTTP event')
  return request
}

test('each source is told from the others, with its method, address, scheme, host and path', () => {
  const shop = 'https://shop.example/shop/cart'
  const cases: readonly [unknown, string, string, string, string][] = [
    [restEvent(), 'api-gateway-v1', 'GET', '203.0.113.7', shop],
    [httpApiEvent({ method: 'PUT' }), 'api-gateway-v2', 'PUT', '203.0.113.7', shop],
    [urlEvent({ method: 'DELETE' }), 'api-gateway-v2', 'DELETE', '203.0.113.7', shop],
    [albEvent(), 'alb', 'GET', '203.0.113.7', 'http://shop.example/shop/cart'],
    [albEvent({}, true), 'alb-multi', 'GET', '203.0.113.7', 'http://shop.example/shop/cart'],
    [socketEvent('CONNECT'), 'websocket', 'GET', '127.0.0.1', 'https://ws.example/$connect'],
    [socketEvent('MESSAGE'), 'websocket', 'POST', '127.0.0.1', 'https://ws.example/say'],
    [socketEvent('DISCONNECT'), 'websocket', 'DELETE', '127.0.0.1', 'https://ws.example/$disconnect'],
  ]
  for (const [event, source, method, address, uri] of cases) {
    const request = read(event)
    assert.deepEqual(
      [request.source, request.method, request.remoteAddr, request.uri, request.protocol],
      [source, method, address, uri, 'HTTP/1.1'],
    )
  }
})

test('what is no HTTP event is none, whatever it holds', () => {
  const others = [
    null,
    1,
    'x',
    [],
    {},
    { requestContext: 'x' },
    { requestContext: { http: 'GET' } },
    { Records: [] },
  ]
  for (const event of others) assert.equal(readHttpEvent(event), undefined, JSON.stringify(event))
})

test('a malformed event of HTTP is read as far as it goes', () => {
  const request = read({
    httpMethod: 'GET',
    headers: [1],
    multiValueHeaders: 'x',
    cookies: 7,
    path: 5,
    body: {},
  })
  assert.equal(request.uri, 'https://lambda/')
  assert.deepEqual(request.headers, {})
  assert.equal(request.body.length, 0)
})

test('header names are written as Go does; Host, Transfer-Encoding and Trailer are not among them', () => {
  const headers = {
    'content-type': 'a/b',
    'X-FORWARDED-FOR': '1',
    'x-a_b': 'c',
    etag: 'd',
    Host: 'h',
    TE: 't',
  }
  const hidden = { 'transfer-encoding': 'chunked', Trailer: 'x' }
  assert.deepEqual(read(httpApiEvent({ headers: { ...headers, ...hidden } })).headers, {
    'Content-Type': ['a/b'],
    'X-Forwarded-For': ['1'],
    'X-A_b': ['c'],
    Etag: ['d'],
    Te: ['t'],
  })
})

test('repeated headers keep all their values where the source hands them over', () => {
  const multiValueHeaders = { Accept: ['a', 'b'], 'X-None': [], Host: ['shop.example'] }
  const headers = { Accept: 'b', 'X-Only': 'c', Host: 'shop.example' }
  const expected = { Accept: ['a', 'b'], 'X-Only': ['c'] }
  assert.deepEqual(read(restEvent({ headers, multiValueHeaders })).headers, expected)
  assert.deepEqual(read(albEvent({ multiValueHeaders: { Accept: ['a', 'b'] } }, true)).headers, {
    Accept: ['a', 'b'],
  })
  assert.deepEqual(read(httpApiEvent({ headers: { accept: 'a,b' } })).headers, { Accept: ['a,b'] })
})

test('a header named after what objects inherit is a header like any other', () => {
  const event = JSON.stringify(httpApiEvent({ headers: {} })).replace(
    '"headers":{}',
    '"headers":{"__proto__":"a","constructor":"b"}',
  )
  const { headers } = read(JSON.parse(event))
  assert.deepEqual(Object.entries(headers), [
    ['__proto__', ['a']],
    ['Constructor', ['b']],
  ])
  assert.equal(JSON.stringify(headers), '{"__proto__":["a"],"Constructor":["b"]}')
})

test('cookies come decoded from the header and from the list of API Gateway v2, which is a header again', () => {
  const line = 'a=1; b=x%20y+z; c="q"; bad=%zz; a=2; flag; sp ace=1; d=x\\y; e==='
  const expected = { a: '2', b: 'x y z', c: 'q', flag: '', e: '==' }
  assert.deepEqual(read(restEvent({ headers: { Cookie: line }, multiValueHeaders: {} })).cookies, expected)
  assert.deepEqual(read(albEvent({ headers: { cookie: line } })).cookies, expected)
  const request = read(httpApiEvent({ cookies: line.split('; ') }))
  assert.deepEqual(request.cookies, expected)
  assert.deepEqual(request.headers.Cookie, [line])
  assert.deepEqual(Object.keys(read(httpApiEvent({ cookies: ['__proto__=1'] })).cookies), ['__proto__'])
})

test('the query is as the caller wrote it: API Gateway v1 decodes it, a load balancer does not', () => {
  const raw = 'a%5B%5D=1&a%5B%5D=2&q=x%20y&empty='
  const decoded = { 'a[]': ['1', '2'], q: ['x y'], empty: [''] }
  const encoded = { 'a%5B%5D': ['1', '2'], q: ['x%20y'], empty: [''] }
  const cases: readonly [unknown, string][] = [
    [restEvent({ multiValueQueryStringParameters: decoded, queryStringParameters: { q: 'no' } }), raw],
    [restEvent({ queryStringParameters: { 'a[]': '2', q: 'ä&=' } }), 'a%5B%5D=2&q=%C3%A4%26%3D'],
    [httpApiEvent({ rawQueryString: raw }), raw],
    [urlEvent({ rawQueryString: 'a=1&a=2', queryStringParameters: { a: '1,2' } }), 'a=1&a=2'],
    [albEvent({ queryStringParameters: { q: 'x%20y', 'a%5B%5D': '2' } }), 'q=x%20y&a%5B%5D=2'],
    [albEvent({ multiValueQueryStringParameters: encoded }, true), raw],
    [restEvent({ queryStringParameters: { half: '\ud800' } }), 'half=%EF%BF%BD'],
  ]
  for (const [event, query] of cases) {
    const request = read(event)
    assert.equal(request.rawQuery, query)
    assert.equal(request.uri.split('?')[1], query)
  }
})

test('a path that a gateway decoded is escaped again, and one that it did not stays as it was', () => {
  const cases = [
    ['/a b/ä', '/a%20b/%C3%A4'],
    ['/a%20b', '/a%20b'],
    ['/100%', '/100%25'],
    ['/a?b#c', '/a%3Fb%23c'],
    ['/a\r\nb', '/ab'],
    ['no-slash', '/no-slash'],
    ['//evil.example/x', '//evil.example/x'],
    ["/~!$&'()*+,;=:@", "/~!$&'()*+,;=:@"],
  ] as const
  for (const [rawPath, path] of cases) {
    assert.equal(read(httpApiEvent({ rawPath })).uri, `https://shop.example${path}`)
    assert.equal(read(restEvent({ path: rawPath })).uri, `https://shop.example${path}`)
  }
})

test('line breaks and fragments cannot get into the query, nor the caller’s scheme into the address', () => {
  const rawQueryString = 'a=1\r\nX: y#f&b=ü'
  const headers = { host: 'shop.example', 'x-forwarded-proto': 'javascript' }
  const request = read(httpApiEvent({ rawQueryString, headers }))
  assert.equal(request.rawQuery, 'a=1X:%20y%23f&b=%C3%BC')
  assert.equal(request.uri, `https://shop.example/shop/cart?${request.rawQuery}`)
})

test('bodies are bytes: text in UTF-8, or decoded from base64; a missing length is added', () => {
  const bytes = Buffer.from([0, 255, 13, 10, 128])
  const binary = { body: bytes.toString('base64'), isBase64Encoded: true }
  for (const event of [restEvent(binary), httpApiEvent(binary), urlEvent(binary), albEvent(binary)]) {
    const request = read(event)
    assert.deepEqual(request.body, bytes)
    assert.deepEqual(request.headers['Content-Length'], ['5'])
  }
  assert.deepEqual(read(httpApiEvent({ body: 'ä' })).body, Buffer.from('ä'))
  assert.equal(read(socketEvent('MESSAGE', { body: 'hi' })).body.toString(), 'hi')
  const told = read(httpApiEvent({ body: 'abc', headers: { 'content-length': '99' } }))
  assert.deepEqual(told.headers['Content-Length'], ['99'])
  assert.equal(read(albEvent({ body: '' })).headers['Content-Length'], undefined)
})

test('behind a load balancer the last address of the list is the caller’s, without its port', () => {
  const cases = [
    ['6.6.6.6, 203.0.113.7', '203.0.113.7'],
    ['203.0.113.7:4711', '203.0.113.7'],
    ['[2001:db8::1]:4711', '2001:db8::1'],
    ['2001:db8::1', '2001:db8::1'],
    ['', '127.0.0.1'],
  ] as const
  for (const [forwarded, address] of cases)
    assert.equal(read(albEvent({ headers: { 'x-forwarded-for': forwarded } })).remoteAddr, address)
})

test('attributes tell what only Lambda knows: the request context, and of a WebSocket its connection', () => {
  const rest = restEvent()
  assert.deepEqual(read(rest).attributes, {
    'lambda-request-context': [JSON.stringify(rest.requestContext)],
  })
  const { 'lambda-request-context': context, ...named } = read(socketEvent('MESSAGE')).attributes
  assert.deepEqual(named, {
    connectionId: ['c1='],
    eventType: ['MESSAGE'],
    routeKey: ['say'],
    messageId: ['m1'],
    stage: ['prod'],
  })
  assert.equal(JSON.parse(context?.[0] ?? '').domainName, 'ws.example')
})
