import assert from 'node:assert/strict'
import { test } from 'node:test'
import { albEvent } from '../helpers/http-events.js'
import { fixture } from '../helpers/project.js'
import { bodyOf, startStreaming } from '../helpers/streaming-worker.js'

const command = `${process.execPath} ${fixture('sdk', 'stream.mjs')}`

for (const relay of ['pipes', 'tcp://127.0.0.1:0']) {
  test(`a Node handler streams what its generator yields (${relay})`, async (t) => {
    const { api, get } = await startStreaming(t, { command, relay })
    const forty = Array.from({ length: 40 }, (_, at) => `piece ${at + 1};`)
    for (const [path, body] of [
      ['/three', forty.slice(0, 3)],
      ['/forty', forty],
      ['/none', []],
      ['/readable', ['a', 'b']],
    ] as const) {
      const answer = await get(path)
      assert.equal(await answer.ended, true)
      assert.deepEqual(bodyOf(answer), body)
    }
    const whole = await api.invoke(albEvent({ path: '/forty' }))
    await whole.ended
    assert.equal(JSON.parse(whole.chunks.join('')).body, forty.join(''))
  })

  test(`a Node generator is ended when its reader has gone, and its worker serves on (${relay})`, async (t) => {
    const { rr, get } = await startStreaming(t, { command, relay })
    const answer = await get('/endless')
    await answer.chunk(30)
    answer.cut()
    const { pid } = await rr.line((line) => line.message === 'ended')
    const next = await get('/three')
    await next.ended
    assert.equal(JSON.parse(String(next.chunks[0])).headers['X-Pid'], String(pid))
  })
}

test('what a Node generator throws in mid-stream is told behind what was sent', async (t) => {
  const { get } = await startStreaming(t, { command, relay: 'pipes' })
  const answer = await get('/breaks')
  assert.equal(await answer.ended, true)
  assert.deepEqual(bodyOf(answer), ['begun'])
  const error = answer.trailers.get('lambda-runtime-function-error-body') ?? ''
  const { errorType, errorMessage } = JSON.parse(Buffer.from(error, 'base64').toString())
  assert.deepEqual([errorType, errorMessage], ['TypeError', 'told to'])
})
