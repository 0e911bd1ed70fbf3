/** A worker that runs several jobs at once serves several HTTP requests at once, streams among them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startHttpServer } from '../helpers/http.js'
import { fixture, missing } from '../helpers/project.js'
import { workerText } from '../helpers/rr.js'

const counted = Array.from({ length: 40 }, (_, at) => `${at + 1};`).join('')
const python = `python3 ${fixture('sdk', 'web.py')} asgi`

for (const [name, worker, skip] of [
  ['Node', workerText('web-several'), false],
  ['Python', python, missing('python3')],
] as const) {
  test(`${name}: requests wait side by side in one worker`, { skip }, async (t) => {
    const server = await startHttpServer(t, { worker, http: ['raw_body: true'] })
    const answers = await Promise.all(Array.from({ length: 10 }, () => server.ask('/wait/10')))
    assert.deepEqual(
      answers.map(({ text }) => text),
      answers.map(() => 'together'),
    )
  })

  test(`${name}: streams of one worker do not mix`, { skip }, async (t) => {
    const server = await startHttpServer(t, { worker, http: ['raw_body: true'] })
    const asked = Array.from({ length: 8 }, () => server.ask('/count/40'))
    const waits = [server.ask('/wait/2'), server.ask('/wait/2')]
    for (const { text, headers } of await Promise.all(asked)) {
      assert.equal(text, counted)
      assert.equal(headers['transfer-encoding'], 'chunked')
    }
    for (const { text } of await Promise.all(waits)) assert.equal(text, 'together')
  })

  test(`${name}: a client that does not read, and then leaves, holds nobody up`, { skip }, async (t) => {
    const server = await startHttpServer(t, { worker, http: ['raw_body: true'] })
    const slow = await server.connect()
    await new Promise<void>((resolve) => {
      slow.socket.once('data', () => {
        slow.socket.pause()
        resolve()
      })
      slow.socket.write('GET /flood HTTP/1.1\r\nHost: x\r\n\r\n')
    })
    for (let turn = 0; turn < 3; turn += 1) assert.equal((await server.ask('/count/40')).text, counted)
    slow.socket.destroy()
    const line = await server.rr.line(({ message }) => message === 'flood cancelled')
    // A reader that is slow slows its stream: what it has not read is in the buffers of sockets, a few pieces ahead.
    assert.ok(Number(line.sent) < 1000, `${line.sent} pieces were sent to a client that did not read`)
    assert.equal((await server.ask('/count/40')).text, counted)
    assert.equal(server.rr.lines().filter(({ level }) => level === 'error').length, 0)
  })
}
