import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { startBootstrap } from '../helpers/bootstrap.js'
import { albEvent, urlEvent } from '../helpers/http-events.js'
import { fixture, missing } from '../helpers/project.js'
import { lambdaConfig } from '../helpers/rr.js'
import { type ApiAnswer, streamingApi } from '../helpers/streaming-api.js'

const skip = missing('python3')

async function start(t: TestContext, relay: string) {
  const api = await streamingApi(t)
  const command = `python3 ${fixture('sdk', 'stream.py')}`
  const text = lambdaConfig(command, { count: 1, more: '', lambda: 'mode: http\n  streaming: true' })
  const config = text.replace('server: { ', `server: { relay: "${relay}", `)
  const rr = await startBootstrap(t, api, { config })
  void rr.ended.then((code) => api.abandon(`rr ended with ${code}:\n${rr.text()}`))
  return { api, rr, get: (rawPath: string) => api.invoke(urlEvent({ rawPath })) }
}

function bodyOf(answer: ApiAnswer): readonly string[] {
  return answer.chunks.slice(2).map(String)
}

for (const relay of ['pipes', 'tcp://127.0.0.1:0']) {
  test(`a Python handler streams what its iterator yields (${relay})`, { skip }, async (t) => {
    const { api, get } = await start(t, relay)
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
    const { rr, get } = await start(t, relay)
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
  const { get } = await start(t, 'pipes')
  for (const path of ['/breaks', '/breaks-async']) {
    const answer = await get(path)
    assert.equal(await answer.ended, true)
    assert.deepEqual(bodyOf(answer), ['begun'])
    const error = answer.trailers.get('lambda-runtime-function-error-body') ?? ''
    const { errorType, errorMessage } = JSON.parse(Buffer.from(error, 'base64').toString())
    assert.deepEqual([errorType, errorMessage], ['TypeError', 'told to'])
  }
})
