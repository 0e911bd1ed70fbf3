/** `rr serve` with queues in memory: what becomes of jobs, whatever their workers do to them. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fixture, missing } from '../helpers/project.js'
import { startQueues, statOf } from '../helpers/queues.js'
import { testFolder, workerText } from '../helpers/rr.js'
import { eventually } from '../helpers/wait.js'

const memory = ['consume: [mail]', 'pipelines:', '  mail: { driver: memory }']
const quick = 'retry: { backoff: 1ms }'

test('errors, deaths, time-outs and unreadable replies are retries; what is done is gone', async (t) => {
  const server = await startQueues(t, {
    jobs: [...memory, quick],
    pool: 'supervisor: { exec_ttl: 1s }',
    workers: 3,
  })
  const deeds = ['error', 'die', 'hang', 'unreadable', 'unknown', 'requeue', 'fail-requeue', 'nack-requeue']
  await server.push('mail', ...deeds.map((deed) => ({ id: deed, body: { id: deed, deed, times: 1 } })))
  await server.push('mail', { id: 'plain' })
  await eventually(() => server.lines('done').length === deeds.length + 1)
  assert.deepEqual([...server.lines('done')].sort(), [...deeds, 'plain'].sort())
  const tries = server.lines('tries')
  for (const deed of deeds) assert.equal(tries.filter((one) => one === deed).length, 2, deed)
  assert.equal(tries.filter((one) => one === 'plain').length, 1)
  await eventually(async () => (await statOf(server, 'mail')).reserved === undefined)
  const { active, delayed } = await statOf(server, 'mail')
  assert.deepEqual([active, delayed], [undefined, undefined])
  const contexts = server.lines('contexts').map((line) => JSON.parse(line))
  const requeued = contexts.filter(({ id }) => id === 'fail-requeue').map(({ headers }) => headers)
  assert.deepEqual(requeued, [{}, { again: ['yes'] }])
})

test('RoadRunner’s fail and nack end a job in memory, each with a line', async (t) => {
  const server = await startQueues(t, { jobs: memory })
  await server.push('mail', ...['fail', 'nack'].map((deed) => ({ id: deed, body: { id: deed, deed } })))
  await server.rr.line(({ message, errorMessage, errorType }) => {
    return /as in RoadRunner/.test(message) && errorMessage === 'told to' && errorType === 'RR.Failed'
  })
  await server.rr.line(({ errorType }) => errorType === 'RR.JobFailed')
  assert.deepEqual(server.lines('done'), [])
  await eventually(async () => (await statOf(server, 'mail')).reserved === undefined)
  assert.equal(server.lines('tries').length, 2)
})

test('the workers’ context is RoadRunner’s, and a delay is kept', async (t) => {
  const server = await startQueues(t, { jobs: memory })
  const pushedAt = performance.now()
  await server.push('mail', {
    id: 'id-1',
    job: 'App\\Send',
    headers: { trace: ['a', 'ü'] },
    options: { delay: 1, priority: 3 },
  })
  assert.equal((await statOf(server, 'mail')).delayed, 1)
  await eventually(() => server.lines('contexts').length === 1)
  assert.ok(performance.now() - pushedAt >= 1000)
  assert.deepEqual(JSON.parse(server.lines('contexts')[0] ?? ''), {
    id: 'id-1',
    job: 'App\\Send',
    driver: 'memory',
    headers: { trace: ['a', 'ü'] },
    queue: 'mail',
    pipeline: 'mail',
  })
})

test('after `retry.max` a job is kept as failed, and comes back when it is redriven', async (t) => {
  const server = await startQueues(t, { jobs: [...memory, 'retry: { max: 3, backoff: 1ms }'] })
  await server.push('mail', { id: 'bad', body: { id: 'bad', deed: 'error', times: 4 } })
  const line = await server.rr.line(({ message }) => message.includes('it is kept'))
  assert.deepEqual([line.attempt, line.pipeline, line.errorMessage], [3, 'mail', 'told to fail'])
  assert.equal(server.lines('tries').length, 3)
  const [failed] = Object(await server.call('jobs.Failed')).jobs
  assert.deepEqual(
    [failed.pipeline, failed.job, failed.attempt, failed.why],
    ['mail', 'app.job', 3, 'told to fail'],
  )
  assert.deepEqual(await server.call('jobs.Redrive', { pipeline: 'mail' }), { count: 1 })
  await eventually(() => server.lines('done').length === 1)
  assert.equal(server.lines('tries').length, 5)
  assert.deepEqual(Object(await server.call('jobs.Failed')).jobs, [])
})

test('a `dead` pipeline takes what failed for good, with its body and headers', async (t) => {
  const jobs = [
    'consume: [mail]',
    'dead: graves',
    'retry: { max: 2, backoff: 1ms }',
    'pipelines:',
    '  mail: { driver: memory }',
    '  graves: { driver: memory }',
  ]
  const server = await startQueues(t, { jobs })
  await server.push('mail', {
    id: 'bad',
    headers: { a: ['b'] },
    body: { id: 'bad', deed: 'error', times: 2 },
  })
  await server.push('mail', { id: 'given-up', body: { id: 'given-up', deed: 'fail', times: 1 } })
  await eventually(async () => (await statOf(server, 'graves')).active === 2)
  assert.equal((await statOf(server, 'graves')).ready, undefined)
  await server.call('jobs.Resume', { pipelines: ['graves'] })
  await eventually(() => server.lines('done').length === 2)
  const last = server
    .lines('contexts')
    .map((line) => JSON.parse(line))
    .findLast(({ id }) => id === 'bad')
  assert.deepEqual([last.headers, last.pipeline], [{ a: ['b'] }, 'graves'])
})

test('a job that kills workers runs alone after three deaths, and is kept when it kills that one', async (t) => {
  const server = await startQueues(t, { jobs: [...memory, quick] })
  await server.push('mail', { id: 'poison', body: { id: 'poison', deed: 'die' } }, { id: 'plain' })
  const line = await server.rr.line(({ message }) => message.includes('it is kept'))
  assert.match(String(line.errorMessage), /has killed 4 workers, the last one of them alone/)
  assert.deepEqual(server.lines('done'), ['plain'])
})

test('a job with auto_ack runs once, whatever becomes of it', async (t) => {
  const server = await startQueues(t, { jobs: [...memory, quick] })
  const options = { auto_ack: true }
  await server.push('mail', { id: 'good', options }, { id: 'bad', body: { id: 'bad', deed: 'die' }, options })
  await server.rr.line(({ message }) => message.includes('acknowledged before it ran'))
  await eventually(() => server.lines('done').length === 1)
  await eventually(async () => (await statOf(server, 'mail')).reserved === undefined)
  assert.equal(server.lines('tries').length, 2)
})

test('in mode raw workers get the context of Lambda, and their outcomes are verdicts', async (t) => {
  const server = await startQueues(t, { jobs: ['mode: raw', ...memory] })
  const deeds = ['raw-retry', 'raw-fail']
  await server.push('mail', ...deeds.map((deed) => ({ id: deed, body: { id: deed, deed, times: 1 } })))
  await server.rr.line(({ message }) => message.includes('it is kept'))
  await eventually(() => server.lines('done').length === 1)
  // The two ran side by side.
  const contexts = server.lines('contexts').map((line) => JSON.parse(line))
  const context = contexts.find(({ record }) => record.messageAttributes.rr_id.stringValue === 'raw-retry')
  assert.deepEqual(
    [context.kind, context.source, context.attempt, context.awsRequestId],
    ['record', 'memory', 1, null],
  )
})

test('a high priority is not held up by a row of low ones, which go on', async (t) => {
  const jobs = [
    'consume: [low, high]',
    'pipelines:',
    '  low: { driver: memory, priority: 20 }',
    '  high: { driver: memory, priority: 1 }',
  ]
  const server = await startQueues(t, { jobs, workers: 1 })
  const slow = (id: string) => ({ id, body: { id, ms: 20 } })
  await server.push('low', ...Array.from({ length: 60 }, (_, at) => slow(`low-${at}`)))
  await eventually(() => server.lines('done').length >= 3)
  await server.push('high', ...Array.from({ length: 5 }, (_, at) => slow(`high-${at}`)))
  const before = server.lines('done').length
  await eventually(() => server.lines('done').filter((id) => id.startsWith('high')).length === 5)
  const between = server
    .lines('done')
    .slice(before)
    .filter((id) => id.startsWith('low')).length
  assert.ok(between <= 6, `${between} of low priority ran meanwhile`)
  await eventually(() => server.lines('done').length === 65)
})

test('a stop lets running jobs end, and gives the others back unrun', async (t) => {
  const server = await startQueues(t, { jobs: memory, workers: 1 })
  await server.push('mail', { id: 'long', body: { id: 'long', ms: 700 } }, { id: 'later' }, { id: 'last' })
  await eventually(() => server.lines('tries').length === 1)
  server.rr.child.kill('SIGTERM')
  assert.equal(await server.rr.ended, 0)
  assert.deepEqual(server.lines('done'), ['long'])
  await server.rr.line(({ message, count }) => /are lost/.test(message) && count === 2)
})

test('PHP, Python and Node workers of every kind work through a queue', async (t) => {
  const kinds: readonly [worker: string, mode: string, skip: string | false][] = [
    [`php ${fixture('workers', 'jobs.php')}`, 'jobs', missing('php')],
    [`python3 ${fixture('sdk', 'echo.py')}`, 'raw', missing('python3')],
    [`php ${fixture('sdk', 'echo.php')}`, 'raw', missing('php')],
    [`${process.execPath} ${fixture('sdk', 'echo.mjs')}`, 'raw', false],
    [workerText('echo'), 'raw', false],
  ]
  for (const [worker, mode, skip] of kinds) {
    if (skip !== false) {
      t.diagnostic(skip)
      continue
    }
    const server = await startQueues(t, { jobs: [`mode: ${mode}`, ...memory], worker })
    await server.push('mail', ...Array.from({ length: 20 }, (_, at) => ({ id: `j${at}`, body: 'ack' })))
    await eventually(async () => {
      const [state] = Object(await server.call('jobs.States')).pipelines
      return state.done === 20
    })
    server.rr.child.kill('SIGTERM')
    assert.equal(await server.rr.ended, 0, worker)
  }
})

test('a pipeline names the pool that runs its jobs, and others have the pool of the section', async (t) => {
  const [own, shared] = [await testFolder(t), await testFolder(t)]
  const command = JSON.stringify(workerText('deeds', shared))
  const server = await startQueues(t, {
    folder: own,
    jobs: [
      'consume: [mail, news, thumbs]',
      'pipelines:',
      '  mail: { driver: memory }',
      '  news: { driver: memory, pool: slow }',
      '  thumbs: { driver: memory, pool: slow }',
    ],
    sections: [`pools: { slow: { num_workers: 1, command: ${command} } }`],
  })
  for (const name of ['mail', 'news', 'thumbs']) await server.push(name, { id: name })
  const doneIn = (folder: string) => {
    const file = join(folder, 'done')
    return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n').sort() : []
  }
  await eventually(() => doneIn(own).length === 1 && doneIn(shared).length === 2)
  assert.deepEqual([doneIn(own), doneIn(shared)], [['mail'], ['news', 'thumbs']])
})

test('a pipeline that is declared over RPC has the pool and the turns that a file gives', async (t) => {
  const [own, shared] = [await testFolder(t), await testFolder(t)]
  const command = JSON.stringify(workerText('deeds', shared))
  const server = await startQueues(t, {
    folder: own,
    jobs: [],
    sections: [`pools: { slow: { num_workers: 1, command: ${command} } }`],
  })
  const declare = (keys: object) =>
    server.call('jobs.Declare', { pipeline: { name: 'news', driver: 'memory', ...keys } })
  const refused: readonly [keys: object, text: RegExp][] = [
    [{ pool: 'fast' }, /^Error: rpc_declare_pipeline: there is no pool "fast"/],
    [{ records_per_job: '5' }, /5 messages a job need mode: raw/],
    [{ records_per_job: 'many' }, /"records_per_job": "many" is not a number from 1 to 10000/],
    [{ fair_window: '5' }, /`fair_window` has no effect without `fair_by`/],
  ]
  for (const [keys, text] of refused) await assert.rejects(declare(keys), text)
  assert.deepEqual(await server.call('jobs.List'), { pipelines: [] })
  await declare({ pool: 'slow', fair_by: 'tenant', records_per_job: '1' })
  const jobs = ['A1', 'A2', 'A3', 'B1'].map((id) => ({ id, headers: { tenant: [id.charAt(0)] } }))
  await server.push('news', ...jobs)
  await server.call('jobs.Resume', { pipelines: ['news'] })
  const file = join(shared, 'done')
  const done = () => (existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [])
  await eventually(() => done().length === jobs.length)
  assert.deepEqual(done(), ['A1', 'B1', 'A2', 'A3'])
  assert.deepEqual(server.lines('done'), [])
})
