import assert from 'node:assert/strict'
import { test } from 'node:test'
import { earlyPlan } from '../../config/early.js'
import { parseYaml } from '../../config/yaml/yaml.js'

async function planOf(yaml: string): Promise<ReturnType<typeof earlyPlan>> {
  return earlyPlan((await parseYaml(`version: "3"\n${yaml}`, { file: 'rr.yaml' })).tree)
}

test('command, environment, mode and number of the first workers are read as they were written', async () => {
  const plain = await planOf('server: { command: "php ${W}", relay: auto, env: { A: "${B}", N: 1 } }')
  assert.deepEqual(plain, { command: 'php ${W}', env: [{ A: '${B}', N: '1' }, {}], mode: 'lambda', count: 1 })
  const own = 'lambda: { mode: http, min_ready: 2, pool: { command: [node, w.mjs], env: { A: b } } }'
  assert.deepEqual(await planOf(`server: { command: x }\n${own}`), {
    command: ['node', 'w.mjs'],
    env: [{}, { A: 'b' }],
    mode: 'http',
    count: 2,
  })
})

test('whatever else decides how a worker is started is left to the ordinary start', async () => {
  for (const yaml of [
    'lambda: {}',
    'server: { handler: index.handler }',
    'server: { command: x, user: app }',
    'server: { command: x, cwd: app }',
    'server: { command: x, relay: pipes }',
    'server: { command: x, env: [{ A: b }] }',
    'server: { command: x }\nplugins: [./p.mjs]',
    'server: { command: x }\ninclude: [more.yaml]',
    'server: { command: x }\nrpc: { listen: "tcp://127.0.0.1:6001" }',
    'server: { command: x }\nlambda: { pool: shared }',
    'server: { command: x }\nlambda: { pool: { runtime: thread } }',
    'server: { command: x }\nlambda: { pool: { umask: "0027" } }',
    'server: { command: x }\nlambda: { min_ready: "${N}" }',
    'server: { command: x }\nlambda: { mode: "${M}" }',
  ])
    assert.equal(await planOf(yaml), undefined, yaml)
})
