import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { type TestContext, test } from 'node:test'
import { startBootstrap } from '../helpers/bootstrap.js'
import { invokeAt, lambdaConfig, workerText } from '../helpers/rr.js'
import { testApi } from '../helpers/runtime-api.js'

const snapStart = { AWS_LAMBDA_INITIALIZATION_TYPE: 'snap-start' }
const config = lambdaConfig(workerText('announces'), { count: 2, more: '' })

/** A Runtime API that holds `restore/next` until the test says that the copy was woken. */
async function photographer(t: TestContext) {
  let held: ServerResponse | undefined
  const api = await testApi(t, {
    fault: ({ url }, response) => {
      if (url?.endsWith('/restore/next') === true) held = response
      else if (url?.endsWith('/restore/error') === true) response.writeHead(202).end()
      else return false
      return true
    },
  })
  return { api, wake: () => held?.writeHead(200).end() }
}

test('workers are asked before the snapshot and after it, and only then is an event asked for', async (t) => {
  const { api, wake } = await photographer(t)
  await startBootstrap(t, api, { config, env: snapStart })
  await api.call(({ path }) => path.endsWith('/restore/next'))
  assert.ok(!api.calls.some(({ path }) => path.endsWith('/invocation/next')))
  wake()
  const heard = [{ snapshot: 'before' }, { snapshot: 'after' }]
  for (const event of [1, 2]) {
    const answer = await invokeAt(api.invokeUrl, String(event))
    assert.deepEqual(JSON.parse(answer.body), heard)
  }
})

test('a hook that fails before the snapshot is an init error; after it, a restore error', async (t) => {
  const cases = [
    ['before', '/init/error', 'Runtime.BeforeSnapshotError'],
    ['after', '/restore/error', 'Runtime.AfterRestoreError'],
  ] as const
  for (const [phase, path, type] of cases) {
    const { api, wake } = await photographer(t)
    const rr = await startBootstrap(t, api, { config, env: { ...snapStart, FAILS: phase } })
    if (phase === 'after') {
      await api.call((call) => call.path.endsWith('/restore/next'))
      wake()
    }
    const call = await api.call((one) => one.path.endsWith(path))
    assert.equal(call.headers['lambda-runtime-function-error-type'], type)
    assert.match(call.body, /no luck/)
    assert.equal(await rr.ended, 1)
    assert.match(rr.text(), /RR_SNAPSHOT_HOOK/)
  }
})

test('a worker that announced nothing is sent nothing', async (t) => {
  const { api, wake } = await photographer(t)
  await startBootstrap(t, api, { config, env: { ...snapStart, ANNOUNCES: 'nothing' } })
  await api.call(({ path }) => path.endsWith('/restore/next'))
  wake()
  assert.equal((await invokeAt(api.invokeUrl, '1')).body, '[]')
})
