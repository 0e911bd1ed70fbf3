/** Workers in Node whose handlers are of the kind `Request → Response`, behind `rr serve` with HTTP. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startHttpServer } from '../helpers/http.js'
import { workerText } from '../helpers/rr.js'

test('a handler of the kind Request → Response serves HTTP, forms as they were sent', async (t) => {
  const server = await startHttpServer(t, { worker: workerText('web'), http: ['raw_body: true'] })
  const answer = await server.ask('/a?b=c', {
    method: 'POST',
    headers: { Host: 'shop.example', 'X-Agent': 'me', 'Content-Type': 'application/x-www-form-urlencoded' },
    body: 'a=%C3%A4&b[]=1',
  })
  assert.equal(answer.status, 201)
  assert.deepEqual(JSON.parse(answer.text), {
    url: 'http://shop.example/a?b=c',
    agent: 'me',
    body: 'a=%C3%A4&b[]=1',
  })
  assert.deepEqual([answer.headers['x-method'], answer.headers['set-cookie']], ['POST', ['a=1', 'b=2']])
  assert.equal(Number(answer.headers['content-length']), answer.bytes.length)
  assert.deepEqual([(await server.ask('/none')).status, (await server.ask('/throws')).status], [204, 500])
})

test('its streams are sent piece by piece, and cancelled when the client leaves', async (t) => {
  const server = await startHttpServer(t, { worker: workerText('web') })
  const client = await server.connect()
  client.socket.write('GET /events HTTP/1.1\r\nHost: x\r\n\r\n')
  await client.until(/data: 1\n\n[\s\S]*data: 3\n\n/)
  client.socket.destroy()
  await server.rr.line(({ message }) => message === 'cancelled')
  assert.equal((await server.ask('/none')).status, 204)
})
