import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { startBootstrap } from '../helpers/bootstrap.js'
import { albEvent, urlEvent } from '../helpers/http-events.js'
import { fixture } from '../helpers/project.js'
import { lambdaConfig } from '../helpers/rr.js'
import { type ApiAnswer, streamingApi } from '../helpers/streaming-api.js'

async function start(t: TestContext, relay: string) {
  const api = await streamingApi(t)
  const command = `${process.execPath} ${fixture('sdk', 'stream.mjs')}`
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
  test(`a Node handler streams what its generator yields (${relay})`, async (t) => {
    const { api, get } = await start(t, relay)
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
    const { rr, get } = await start(t, relay)
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
  const { get } = await start(t, 'pipes')
  const answer = await get('/breaks')
  assert.equal(await answer.ended, true)
  assert.deepEqual(bodyOf(answer), ['begun'])
  const error = answer.trailers.get('lambda-runtime-function-error-body') ?? ''
  const { errorType, errorMessage } = JSON.parse(Buffer.from(error, 'base64').toString())
  assert.deepEqual([errorType, errorMessage], ['TypeError', 'told to'])
})
