/** Applications of WSGI and ASGI behind `rr serve` with HTTP. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startHttpServer } from '../helpers/http.js'
import { fixture, missing } from '../helpers/project.js'

const skip = missing('python3')
const worker = (...words: readonly string[]) => ['python3', fixture('sdk', 'web.py'), ...words].join(' ')
const asked = {
  method: 'POST',
  headers: { Host: 'shop.example', 'X-One': '1', 'Content-Type': 'application/x-www-form-urlencoded' },
  body: 'a=1&b[]=2',
}

test('a WSGI application serves HTTP, whole answers and pieces', { skip }, async (t) => {
  const server = await startHttpServer(t, { worker: worker(), http: ['raw_body: true'] })
  const answer = await server.ask('/caf%C3%A9?x=y', asked)
  assert.deepEqual([answer.status, answer.headers['set-cookie']], [201, ['a=1', 'b=2']])
  const { PATH_INFO: path, ...told } = JSON.parse(answer.text)
  assert.equal(Buffer.from(path, 'latin1').toString(), '/café')
  assert.deepEqual(told, {
    REQUEST_METHOD: 'POST',
    QUERY_STRING: 'x=y',
    HTTP_HOST: 'shop.example',
    HTTP_X_ONE: '1',
    CONTENT_TYPE: 'application/x-www-form-urlencoded',
    body: 'a=1&b[]=2',
  })
  const stream = await server.ask('/stream')
  assert.deepEqual([stream.text, stream.headers['transfer-encoding']], ['0;1;2;', 'chunked'])
})

test('an ASGI application serves HTTP', { skip }, async (t) => {
  const server = await startHttpServer(t, { worker: worker('asgi'), http: ['raw_body: true'] })
  const answer = await server.ask('/caf%C3%A9?x=y', asked)
  assert.deepEqual([answer.status, answer.headers['x-app']], [202, 'asgi'])
  assert.deepEqual(JSON.parse(answer.text), {
    method: 'POST',
    path: '/café',
    query: 'x=y',
    body: 'a=1&b[]=2',
    host: 'shop.example',
  })
})
