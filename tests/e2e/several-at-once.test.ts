/** Workers that run several jobs at once, by `rr serve` with queues and under `rr bootstrap`: one waiting job costs the others nothing. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { startBootstrap } from '../helpers/bootstrap.js'
import { rr } from '../helpers/command.js'
import { fixture } from '../helpers/project.js'
import { startQueues, statOf } from '../helpers/queues.js'
import { failuresOf, invokeAt, lambdaConfig, sqsEvent } from '../helpers/rr.js'
import { testApi } from '../helpers/runtime-api.js'
import { eventually } from '../helpers/wait.js'

const worker = (concurrency: number) => `${process.execPath} ${fixture('sdk', 'several.mjs')} ${concurrency}`
const jobs = [
  'mode: raw',
  'consume: [mail]',
  'pipelines:',
  '  mail: { driver: memory }',
  'retry: { backoff: 1ms }',
]

// A thousand waits of 100 ms, a hundred at once, are 1 s; the bench shows the figure, this catches a wait in turn (100 s).
const [jobCount, waitMs, concurrency] = [1000, 100, 100]
const tookMsMax = 4 * 1100

async function startLambda(t: TestContext, count = 1) {
  const api = await testApi(t)
  const rr = await startBootstrap(t, api, { config: lambdaConfig(worker(concurrency), { more: '', count }) })
  return {
    rr,
    invoke: (bodies: readonly string[]) => invokeAt(api.invokeUrl, JSON.stringify(sqsEvent(bodies))),
  }
}

test('a thousand jobs of a queue that wait for 100 ms each are done by one worker in about a second', async (t) => {
  const server = await startQueues(t, { jobs, workers: 1, worker: worker(concurrency) })
  const all = Array.from({ length: jobCount }, (_, at) => ({ id: `job-${at}`, body: `wait ${waitMs}` }))
  const since = performance.now()
  await server.push('mail', ...all)
  await eventually(async () => {
    const { active, reserved } = await statOf(server, 'mail')
    return active === undefined && reserved === undefined
  })
  const tookMs = performance.now() - since
  assert.ok(
    tookMs > (jobCount / concurrency) * waitMs * 0.9,
    `${tookMs} ms: more ran at once than the worker takes`,
  )
  assert.ok(tookMs < tookMsMax, `${tookMs} ms`)
})

test('a thousand records of a batch that wait for 100 ms each are done by one worker in about a second', async (t) => {
  const { invoke } = await startLambda(t)
  await invoke(['wait 1'])
  const since = performance.now()
  const answer = await invoke(Array.from({ length: jobCount }, () => `wait ${waitMs}`))
  const tookMs = performance.now() - since
  assert.deepEqual(failuresOf(answer), [])
  assert.ok(
    tookMs > (jobCount / concurrency) * waitMs * 0.9,
    `${tookMs} ms: more ran at once than the worker takes`,
  )
  assert.ok(tookMs < tookMsMax, `${tookMs} ms`)
})

test('records of a worker that died come again alone, and only the poisonous one is given up', async (t) => {
  const server = await startQueues(t, { jobs, workers: 1, worker: worker(concurrency) })
  const names = Array.from({ length: 6 }, (_, at) => `n${at}`)
  await server.push('mail', ...names.map((name) => ({ id: name, body: `tell ${name}` })), {
    id: 'poison',
    body: 'die',
  })
  await server.rr.line(({ errorMessage }) =>
    /killed \d+ workers, the last one of them alone/.test(String(errorMessage)),
  )
  await eventually(async () => (await statOf(server, 'mail')).reserved === undefined)
  const runs = server.rr.lines().filter(({ message }) => /^ran n\d/.test(message))
  for (const name of names) {
    const own = runs.filter(({ message }) => message === `ran ${name}`)
    assert.ok(own.length <= 2, `${name} ran ${own.length} times`)
    // Both tries are of one delivery, and no two deliveries share its name in the log.
    assert.equal(new Set(own.map(({ job }) => job)).size, 1)
  }
  assert.deepEqual(new Set(runs.map(({ message }) => message.slice(4))), new Set(names))
  assert.equal(new Set(runs.map(({ job }) => job)).size, names.length)
})

test('a record over the deadline of its event fails alone; the others of its batch count', async (t) => {
  const api = await testApi(t, { timeoutMs: 1500 })
  const rr = await startBootstrap(t, api, { config: lambdaConfig(worker(10), { more: '', count: 1 }) })
  const answer = await invokeAt(
    api.invokeUrl,
    JSON.stringify(sqsEvent(['wait 10', 'hang', 'wait 20', 'deaf'])),
  )
  assert.deepEqual(failuresOf(answer), ['message-1', 'message-3'])
  await rr.line(({ message }) => message === 'is cancelled')
  const next = await invokeAt(api.invokeUrl, JSON.stringify(sqsEvent(['wait 10'])))
  assert.deepEqual(failuresOf(next), [])
})

test('rr stop lets all jobs of a worker end, and gives back what has not begun', async (t) => {
  const server = await startQueues(t, { jobs, workers: 1, worker: worker(5) })
  await server.push(
    'mail',
    ...Array.from({ length: 8 }, (_, at) => ({ id: `job-${at}`, body: `tell ${at}` })),
  )
  await server.rr.line(({ message }) => message === 'ran 4')
  server.rr.child.kill('SIGTERM')
  assert.equal(await server.rr.ended, 0)
  const ran = server.rr.lines().filter(({ message }) => message.startsWith('ran '))
  assert.ok(ran.length >= 5 && ran.length <= 8)
  assert.equal(server.rr.lines().filter(({ level }) => level === 'error').length, 0)
})

test('rr workers shows how many of its places a worker uses', async (t) => {
  const server = await startQueues(t, { jobs, workers: 1, worker: worker(5) })
  await server.push('mail', { id: 'a', body: 'hold a' }, { id: 'b', body: 'hold b' })
  await server.rr.line(({ message }) => message === 'holds b')
  const [row] = JSON.parse((await rr(server.folder, ['workers', '--json'])).out)
  assert.deepEqual([row.state, row.running, row.places], ['busy', 2, 5])
  assert.match((await rr(server.folder, ['workers'])).out, /PID +STATUS +RUNNING +JOBS.*\n\d+ +busy +2\/5 /)
  await server.push('mail', { id: 'c', body: 'open a' }, { id: 'd', body: 'open b' })
})
