import assert from 'node:assert/strict'
import { test } from 'node:test'
import { faultOf, headerBytesMax, headersMax } from '../../../src/work/http/faults.js'
import { readHttpEvent } from '../../../src/work/http/request.js'
import { albEvent, httpApiEvent } from '../../helpers/http-events.js'

function fault(event: unknown) {
  const request = readHttpEvent(event)
  assert.ok(request !== undefined)
  return faultOf(request)
}

test('ordinary hosts, names and values are no fault', () => {
  for (const host of ['a.example', 'a_b-c.example:8080', '[2001:db8::1]:443', '127.0.0.1'])
    assert.equal(fault(httpApiEvent({ headers: { host, 'x-ok': 'tab\tand ümläut' } })), undefined, host)
})

test('a line break or NUL in a header, a name or method or host that is none: 400', () => {
  const events = [
    httpApiEvent({ headers: { 'x-a': 'b\r\nx-admin: 1' } }),
    httpApiEvent({ headers: { 'x-a': 'b\0' } }),
    httpApiEvent({ headers: { 'x a': 'b' } }),
    httpApiEvent({ headers: { '': 'b' } }),
    httpApiEvent({ cookies: ['a=1\r\nx: y'] }),
    httpApiEvent({ method: 'GET /x' }),
    ...['a b', 'a/b', 'user@a', 'a:99999', 'a:b', ''].map((host) => httpApiEvent({ headers: { host } })),
  ]
  for (const event of events) assert.equal(fault(event)?.status, 400, JSON.stringify(event.headers))
})

test('as many headers as the limit pass, one more is 431', () => {
  const lines = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, at) => [`x-${at}`, 'v']))
  assert.equal(fault(httpApiEvent({ headers: lines(headersMax) })), undefined)
  assert.deepEqual(fault(httpApiEvent({ headers: lines(headersMax + 1) })), {
    status: 431,
    text: `the request has ${headersMax + 1} headers, ${headersMax} are taken`,
  })
  const many = albEvent({ multiValueHeaders: { 'x-a': Array(headersMax + 1).fill('v') } }, true)
  assert.equal(fault(many)?.status, 431)
  assert.equal(fault(httpApiEvent({ headers: { 'x-a': 'v'.repeat(headerBytesMax) } }))?.status, 431)
})
