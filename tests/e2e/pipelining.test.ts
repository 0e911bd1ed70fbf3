import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startBootstrap } from '../helpers/bootstrap.js'
import { invoke, invokeAt, lambdaConfig, sqsEvent, started, startRr, workerText } from '../helpers/rr.js'
import { testApi } from '../helpers/runtime-api.js'

const eventCount = 20

for (const [command, count] of [
  ['serve', 1],
  ['serve', 3],
  ['dev', 1],
  ['dev', 3],
] as const) {
  test(`rr ${command} with ${count} workers answers each event once with lambda.pipelining: on`, async (t) => {
    const config = lambdaConfig(workerText('echo'), { count, lambda: 'pipelining: on' })
    const words = command === 'dev' ? ['dev', '-o', 'logs.encoding=json'] : ['serve']
    const rr = await startRr(t, words, { config })
    await started(rr)
    for (let sent = 0; sent < eventCount; sent += 1) {
      // Large ones arrive in many pieces, so that the next request would be read first.
      const event = JSON.stringify(String(sent).repeat(sent % 4 === 0 ? 100_000 : 1))
      assert.equal((await invoke(rr, event)).body, event)
    }
    const bodies = Array.from({ length: eventCount }, (_, at) => JSON.stringify(`at once ${at}`))
    const answers = await Promise.all(bodies.map((body) => invoke(rr, body)))
    assert.deepEqual(
      answers.map(({ body }) => body),
      bodies,
    )
    const batch = await invoke(rr, JSON.stringify(sqsEvent(['1', '2', '3'])))
    assert.equal(batch.body, '{"batchItemFailures":[]}')
    assert.ok(!rr.text().includes('RR_RUNTIME_API'), rr.text())
  })
}

test('the emulator of one environment takes an answer before the poll that lies behind it', async (t) => {
  const api = await testApi(t)
  const config = lambdaConfig(workerText('echo'), { count: 1, lambda: 'pipelining: on', more: '' })
  const rr = await startBootstrap(t, api, { config })
  for (let sent = 0; sent < eventCount; sent += 1) {
    const event = JSON.stringify(String(sent).repeat(sent % 4 === 0 ? 100_000 : 1))
    assert.equal((await invokeAt(api.invokeUrl, event)).body, event)
  }
  assert.ok(!rr.text().includes('RR_RUNTIME_API'), rr.text())
  assert.equal(api.calls.filter(({ path }) => path.endsWith('/response')).length, eventCount)
})
