import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type ManagedApi, managedApi } from '../helpers/managed-api.js'
import { lambdaConfig, sqsEvent, startRr, testFolder, workerText } from '../helpers/rr.js'
import { eventually } from '../helpers/wait.js'

const managed = {
  AWS_LAMBDA_MAX_CONCURRENCY: '4',
  AWS_LAMBDA_INITIALIZATION_TYPE: 'lambda-managed-instances',
}

function start(
  t: TestContext,
  api: ManagedApi,
  about: {
    readonly worker: string
    readonly count?: number
    readonly more?: string
    readonly env?: Readonly<Record<string, string | undefined>>
  },
) {
  const { worker, count = 4, more = '', env } = about
  const config = lambdaConfig(worker, { count, more })
  const lambda = { AWS_LAMBDA_RUNTIME_API: api.address, AWS_LAMBDA_LOG_FORMAT: undefined, ...managed }
  return startRr(t, ['bootstrap'], { config, env: { ...lambda, ...env } })
}

test('Managed Instances: four events run side by side, each with a context of its own', async (t) => {
  const api = await managedApi(t)
  const meeting = await testFolder(t)
  await start(t, api, { worker: workerText('gathers', meeting) })
  await api.waiting(4)
  const answers = await Promise.all(
    [1, 2, 3, 4].map((n) =>
      api.invoke({
        id: `event-${n}`,
        body: '4',
        headers: {
          'Lambda-Runtime-Aws-Tenant-Id': `tenant-${n}`,
          'Lambda-Runtime-Trace-Id': `Root=${n}`,
          'Lambda-Runtime-Invoked-Function-Arn': `arn:${n}`,
        },
      }),
    ),
  )
  for (const [at, { kind, body }] of answers.entries()) {
    const { awsRequestId, tenantId, traceId, invokedFunctionArn, clientContext } = JSON.parse(body)
    assert.equal(kind, 'response')
    assert.deepEqual(
      { awsRequestId, tenantId, traceId, invokedFunctionArn, clientContext },
      {
        awsRequestId: `event-${at + 1}`,
        tenantId: `tenant-${at + 1}`,
        traceId: `Root=${at + 1}`,
        invokedFunctionArn: `arn:${at + 1}`,
        clientContext: null,
      },
    )
  }
  assert.equal(api.pollsMax, 4)
})

test('one event at a time, unless AWS_LAMBDA_MAX_CONCURRENCY says otherwise', async (t) => {
  const api = await managedApi(t)
  await start(t, api, { worker: workerText('echo'), env: { AWS_LAMBDA_MAX_CONCURRENCY: undefined } })
  for (const id of ['a', 'b', 'c']) assert.equal((await api.invoke({ id, body: `"${id}"` })).body, `"${id}"`)
  await api.waiting(1)
  assert.equal(api.pollsMax, 1)
})

test('Managed Instances: there are never more polls than ready workers, neither at boot nor at work', async (t) => {
  const api = await managedApi(t)
  const folder = await testFolder(t)
  const count = (prefix: string) => readdirSync(folder).filter((name) => name.startsWith(prefix)).length
  let busy = 0
  const excess: string[] = []
  api.onPoll = (polls) => {
    const ready = count('ready-') - busy
    if (polls > ready) excess.push(`${polls} polls for ${ready} workers`)
  }
  await start(t, api, { worker: workerText('ready-by-turns', folder) })
  await eventually(() => count('turn-') === 1)
  await writeFile(join(folder, 'go-0'), '')
  await api.waiting(1)
  // The others boot from the first poll on.
  await eventually(() => count('turn-') === 4)
  for (let ready = 2; ready <= 4; ready += 1) {
    await writeFile(join(folder, `go-${ready - 1}`), '')
    await api.waiting(ready)
  }
  busy = 3
  const held = [1, 2, 3].map((n) => api.invoke({ id: `held-${n}`, body: `free-${n}` }))
  assert.equal(api.polls, 1)
  for (let free = 1; free <= 3; free += 1) {
    busy = 3 - free
    await writeFile(join(folder, `free-${free}`), '')
    await held[free - 1]
    await api.waiting(1 + free)
  }
  assert.deepEqual(excess, [])
})

test('Managed Instances: a pool below the concurrency asks for as many events as it has workers', async (t) => {
  const api = await managedApi(t)
  await start(t, api, { worker: workerText('echo'), count: 2, env: { AWS_LAMBDA_MAX_CONCURRENCY: '64' } })
  await api.waiting(2)
  await Promise.all(['a', 'b', 'c', 'd'].map((id) => api.invoke({ id, body: '1' })))
  await api.waiting(2)
  assert.equal(api.pollsMax, 2)
})

test('Managed Instances: 410 to a late answer is taken, and the poller goes on', async (t) => {
  const api = await managedApi(t)
  const rr = await start(t, api, { worker: workerText('echo') })
  await api.invoke({ id: 'late', body: '1', status: 410 })
  await rr.line(({ status }) => status === 410)
  await api.waiting(4)
  assert.equal((await api.invoke({ id: 'next', body: '2' })).body, '2')
})

test('a lost /next is asked again after a wait, by its poller alone', async (t) => {
  const api = await managedApi(t)
  const rr = await start(t, api, { worker: workerText('echo') })
  await api.waiting(4)
  api.cut()
  const line = await rr.line(({ message }) => message === 'the Runtime API was lost, asking again')
  assert.deepEqual([line.tries, line.waitMs], [1, 100])
  await api.waiting(4)
  assert.equal((await api.invoke({ id: 'a', body: '1' })).body, '1')
})

test('Managed Instances: only the worker that overruns its deadline is replaced', async (t) => {
  const api = await managedApi(t)
  const folder = await testFolder(t)
  for (let n = 0; n < 5; n += 1) await writeFile(join(folder, `go-${n}`), '')
  const rr = await start(t, api, { worker: workerText('ready-by-turns', folder) })
  await api.waiting(4)
  const neighbour = api.invoke({ id: 'neighbour', body: 'free' })
  const late = await api.invoke({ id: 'late', body: 'never', timeoutMs: 1000 })
  assert.equal(late.kind, 'error')
  assert.equal(JSON.parse(late.body).errorType, 'RR.WorkerTimeout')
  await rr.line(({ message, why }) => message === 'worker was killed' && why === 'deadline')
  await writeFile(join(folder, 'free'), '')
  assert.equal((await neighbour).body, '"waited"')
  await api.waiting(4)
  assert.equal(rr.lines().filter(({ message }) => message === 'worker was killed').length, 1)
})

test('a worker’s death fails its own event, and neither its neighbours nor the process', async (t) => {
  const api = await managedApi(t)
  const rr = await start(t, api, { worker: workerText('by-body') })
  await api.waiting(4)
  const bodies = ['die', 'slow', 'die', 'slow']
  const answers = await Promise.all(bodies.map((body, at) => api.invoke({ id: `e${at}`, body })))
  const [first, second, third, fourth] = answers
  for (const one of [first, third]) assert.equal(JSON.parse(one?.body ?? '').errorType, 'RR.WorkerCrashed')
  for (const one of [second, fourth]) assert.equal(one?.body, '"slow"')
  await api.waiting(4)
  assert.equal((await api.invoke({ id: 'more', body: 'ok' })).body, '"ok"')
  assert.equal(rr.child.exitCode, null)
})

test('Managed Instances: every line is JSON under AWS’s names with request and tenant', async (t) => {
  const api = await managedApi(t)
  const rr = await start(t, api, { worker: workerText('talks'), more: 'logs: { encoding: console }' })
  await api.waiting(4)
  const headers = { 'Lambda-Runtime-Aws-Tenant-Id': 'acme' }
  await Promise.all(['a', 'b'].map((id) => api.invoke({ id, body: '3', headers })))
  rr.child.kill('SIGTERM')
  await rr.ended
  for (const line of rr.text().trimEnd().split('\n')) assert.doesNotThrow(() => JSON.parse(line), line)
  const said = rr.lines().filter(({ logger }) => logger === 'worker')
  assert.equal(said.length, 6)
  for (const { level, timestamp, requestId, tenantId } of said) {
    assert.deepEqual([level, typeof timestamp, tenantId], ['INFO', 'string', 'acme'])
    assert.ok(requestId === 'a' || requestId === 'b')
  }
})

test('the server’s own lines about an event carry its tenant', async (t) => {
  const api = await managedApi(t)
  const rr = await start(t, api, { worker: workerText('by-body') })
  await api.invoke({ id: 'a', body: 'error', headers: { 'Lambda-Runtime-Aws-Tenant-Id': 'acme' } })
  const line = await rr.line(({ message }) => message === 'an event failed')
  assert.deepEqual([line.requestId, line.tenantId], ['a', 'acme'])
})

test('Managed Instances: an event gets the first idle worker ahead of a batch that holds all workers', async (t) => {
  const api = await managedApi(t)
  const folder = await testFolder(t)
  for (let n = 0; n < 4; n += 1) await writeFile(join(folder, `go-${n}`), '')
  await start(t, api, { worker: workerText('ready-by-turns', folder) })
  await api.waiting(4)
  const names = ['r0', 'r1', 'r2', 'r3', 'r4', 'r5']
  const batch = api.invoke({ id: 'batch', body: JSON.stringify(sqsEvent(names)) })
  const event = api.invoke({ id: 'event', body: 'e' })
  // The polls that wait cannot be taken back; no further one is made while no worker is ready.
  assert.equal(api.polls, 2)
  await writeFile(join(folder, 'e'), '')
  await writeFile(join(folder, 'r0'), '')
  assert.equal((await event).body, '"waited"')
  for (const name of names) await writeFile(join(folder, name), '')
  assert.equal((await batch).body, '{"batchItemFailures":[]}')
  await api.waiting(4)
})
