import assert from 'node:assert/strict'
import { test } from 'node:test'
import { albEvent } from '../helpers/http-events.js'
import { fixture, missing } from '../helpers/project.js'
import { bodyOf, startStreaming } from '../helpers/streaming-worker.js'

const skip = missing('python3')

const command = `python3 ${fixture('sdk', 'stream.py')}`

for (const relay of ['pipes', 'tcp://127.0.0.1:0']) {
  test(`a Python handler streams what its iterator yields (${relay})`, { skip }, async (t) => {
    const { api, get } = await startStreaming(t, { command, relay })
    const forty = Array.from({ length: 40 }, (_, at) => `piece ${at + 1};`)
    for (const [path, body] of [
      ['/three', forty.slice(0, 3)],
      ['/forty', forty],
      ['/none', []],
      ['/async', forty.slice(0, 7)],
      ['/file', ['a\n', 'b']],
      ['/map', ['1', '2']],
    ] as const) {
      const answer = await get(path)
      assert.equal(await answer.ended, true)
      assert.deepEqual(bodyOf(answer), body, path)
    }
    const whole = await api.invoke(albEvent({ path: '/forty' }))
    await whole.ended
    assert.equal(JSON.parse(whole.chunks.join('')).body, forty.join(''))
  })

  test(`a Python generator is closed when its reader has gone, and its worker serves on (${relay})`, {
    skip,
  }, async (t) => {
    const { rr, get } = await startStreaming(t, { command, relay })
    for (const [at, path] of ['/endless', '/endless-async'].entries()) {
      const answer = await get(path)
      await answer.chunk(30)
      answer.cut()
      const ended = () => rr.lines().filter((line) => line.message === 'ended')
      await rr.line((line) => line.message === 'ended' && ended().length > at)
      const next = await get('/three')
      await next.ended
      assert.equal(JSON.parse(String(next.chunks[0])).headers['X-Pid'], String(ended()[at]?.pid))
    }
  })
}

test('what a Python generator raises in mid-stream is told behind what was sent', { skip }, async (t) => {
  const { get } = await startStreaming(t, { command, relay: 'pipes' })
  for (const path of ['/breaks', '/breaks-async']) {
    const answer = await get(path)
    assert.equal(await answer.ended, true)
    assert.deepEqual(bodyOf(answer), ['begun'])
    const error = answer.trailers.get('lambda-runtime-function-error-body') ?? ''
    const { errorType, errorMessage } = JSON.parse(Buffer.from(error, 'base64').toString())
    assert.deepEqual([errorType, errorMessage], ['TypeError', 'told to'])
  }
})
