import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { type TestContext, test } from 'node:test'
import { type LaravelOptions, laravelApp, noLaravel } from '../helpers/laravel.js'
import { fixture } from '../helpers/project.js'
import { failuresOf, invoke, type RunningRr, sqsEvent, startRr, testFolder } from '../helpers/rr.js'

const arn = 'arn:aws:sqs:eu-west-1:123456789012:orders'

interface Setup extends LaravelOptions {
  readonly count?: number
  readonly lambda?: string
}

async function start(t: TestContext, { count = 2, lambda = '', ...rest }: Setup = {}) {
  const folder = await testFolder(t)
  const app = laravelApp(folder, rest)
  const config = `version: "3"
server: { command: "${app.command}" }
lambda: { ${lambda} pool: { num_workers: ${count} } }
emulator: { address: "127.0.0.1:0" }
`
  const rr = await startRr(t, ['serve'], { folder, config, env: app.env })
  return { app, rr }
}

interface Sending {
  readonly groups?: readonly string[]
  readonly deliveries?: number
}

/** Sends bodies as one batch of SQS; returns the indexes of those that failed. */
async function send(rr: RunningRr, bodies: readonly string[], { groups, deliveries = 1 }: Sending = {}) {
  const records = sqsEvent(bodies, groups).Records.map((record) => ({
    ...record,
    eventSourceARN: arn,
    attributes: { ...record.attributes, ApproximateReceiveCount: String(deliveries) },
  }))
  return failuresOf(await invoke(rr, { Records: records })).map((id) => Number(id.replace('message-', '')))
}

test('the PHPUnit suite of relayrunner/laravel', { skip: noLaravel }, () => {
  const run = spawnSync('phpunit', ['-c', fixture('laravel', 'unit/phpunit.xml')], { encoding: 'utf8' })
  assert.equal(run.status, 0, run.stdout + run.stderr)
})

test('a batch of Laravel’s jobs: what is done, what comes again, what has failed', {
  skip: noLaravel,
}, async (t) => {
  const { app, rr } = await start(t)
  const jobs = ['Plain:a', 'Throws:b', 'Secret:c', 'Releases:d', 'FailsItself:e', 'Deletes:f', 'ThrowsOnce:g']
  const bodies = [...app.bodies(...jobs, 'LeavesTransaction:h', 'AsksAgain:i'), 'hello world']
  assert.deepEqual(await send(rr, bodies), [1, 3, 8, 9])
  const waits = rr.lines().filter((line) => line.errorType === 'RR.Retry')
  assert.deepEqual(waits.map((line) => line.afterMs).sort(), [1000, 4000, 7000])
  const ran = app.marks().filter((mark) => mark.includes(':ran:'))
  assert.deepEqual(
    [...ran].sort(),
    jobs
      .concat('AsksAgain:i')
      .map((job) => `${job}:ran:1`)
      .sort(),
  )
  assert.deepEqual(
    app.failed().map(({ connection, queue }) => `${connection} ${queue}`),
    ['sqs orders', 'sqs orders'],
  )
  const line = await rr.line((one) => one.message === 'queue.job done' && one.job_class === 'Jobs\\Plain')
  assert.deepEqual([line.queue, line.attempt, typeof line.ms], ['orders', 1, 'number'])
  const reported = await rr.line((one) => one.message === 'not today')
  assert.equal(reported.level, 'error')
})

test('a job that outlives its limit is answered and its worker replaced, also where it catches everything', {
  skip: noLaravel,
}, async (t) => {
  const { app, rr } = await start(t, { count: 1 })
  const [body = ''] = app.bodies('Slow:a')
  assert.deepEqual(await send(rr, [body]), [0])
  // The second run is the last of its tries: the row of the failed job is written, and the message acknowledged.
  assert.deepEqual(await send(rr, [body], { deliveries: 2 }), [])
  assert.deepEqual(app.marks(), [
    'Slow:a:began:1',
    'Slow:a:began:2',
    'Slow:a:failed:MaxAttemptsExceededException',
  ])
  assert.equal(app.failed().length, 1)
  assert.equal(
    rr.lines().some((line) => line.errorType === 'RR.WorkerCrashed'),
    false,
  )
})

test('the server knows the limit of Laravel’s jobs: at 80 % of it, it logs where the job is', {
  skip: noLaravel,
}, async (t) => {
  const { app, rr } = await start(t, { count: 1, options: '--timeout=3' })
  assert.deepEqual(await send(rr, app.bodies('Endless:a')), [])
  const { limitMs, stack } = await rr.line((line) => line.message === 'a job has used 80 % of its time')
  assert.equal(limitMs, 3000)
  assert.match(String(stack), /Endless/)
  // Laravel's own limit ended it.
  assert.match(app.marks().join(' '), /^Endless:a:failed:(MaxAttempts|Timeout)ExceededException$/)
  assert.equal(app.failed().length, 1)
})

test('jobs behind a failed one of their FIFO group are counted by runs, not by deliveries', {
  skip: noLaravel,
}, async (t) => {
  const { app, rr } = await start(t, { config: { attempts: 'cache' } })
  const bodies = app.bodies('Throws:head', 'Throws:second', 'Throws:third')
  for (let deliveries = 1; deliveries <= 3; deliveries += 1)
    await send(rr, bodies, { groups: ['g', 'g', 'g'], deliveries })
  const marks = app.marks()
  // The head failed for good at its third run; the one behind it ran for the first time in the same delivery.
  assert.equal(marks.filter((mark) => mark === 'Throws:head:failed:RuntimeException').length, 1)
  assert.ok(marks.includes('Throws:second:ran:1'), marks.join('\n'))
  assert.equal(
    marks.some((mark) => mark.includes('MaxAttemptsExceeded')),
    false,
  )
})

test('a worker that ends itself fails its job alone', { skip: noLaravel }, async (t) => {
  const { app, rr } = await start(t)
  const bodies = app.bodies('Plain:a', 'Exits:b', 'Plain:c')
  assert.deepEqual(await send(rr, bodies), [1])
  assert.deepEqual(await send(rr, app.bodies('Plain:d')), [])
})

test('queue:restart lets workers leave one by one, and no job fails', { skip: noLaravel }, async (t) => {
  const { app, rr } = await start(t)
  assert.deepEqual(await send(rr, app.bodies('Plain:a', 'Plain:b')), [])
  const before = new Set(app.php("echo DB::table('marks')->pluck('pid')->unique()->implode(',');").split(','))
  assert.equal(before.size > 0, true)
  app.php("app('cache')->forever('illuminate:queue:restart', time());")
  for (let tries = 0; tries < 40; tries += 1) {
    assert.deepEqual(await send(rr, app.bodies('Plain:c', 'Plain:d')), [])
    const all = app.php("echo DB::table('marks')->pluck('pid')->unique()->implode(',');").split(',')
    if (all.some((pid) => !before.has(pid))) return
  }
  assert.fail('no worker left')
})

test('jobs dispatched into the server’s own queue run there, chains too', { skip: noLaravel }, async (t) => {
  const folder = await testFolder(t)
  const app = laravelApp(folder, {
    env: { QUEUE_CONNECTION: 'relayrunner', RR_RPC: `unix://${folder}/rpc.sock` },
  })
  const config = `version: "3"
server: { command: "${app.command}" }
rpc: { listen: "unix://${folder}/rpc.sock" }
jobs:
  mode: raw
  pool: { num_workers: 2 }
  consume: [default]
  pipelines: { default: { driver: memory }, later: { driver: memory } }
`
  const rr = await startRr(t, ['serve'], { folder, config, env: app.env })
  await rr.line((line) => line.message === 'server started')
  app.php(`
    Jobs\\Plain::withChain([new Jobs\\Plain('second')])->dispatch('first');
    app('queue')->bulk([new Jobs\\Plain('x'), new Jobs\\ThrowsOnce('y')]);
    app('queue')->later(3600, new Jobs\\Plain('much later'), '', 'later');
  `)
  await rr.line((line) => line.message === 'queue.job failed')
  while (!app.marks().includes('Plain:second:ran:1'))
    await rr.line((line) => line.message === 'queue.job done' && line.job_class === 'Jobs\\Plain')
  const marks = app.marks()
  for (const mark of ['Plain:first:ran:1', 'Plain:x:ran:1', 'ThrowsOnce:y:failed:RuntimeException'])
    assert.ok(marks.includes(mark), `${mark} is not among\n${marks.join('\n')}`)
  assert.equal(app.php("echo app('queue')->delayedSize('later'), app('queue')->size('default');"), '10')
  assert.deepEqual(app.failed()[0]?.connection, 'relayrunner')
})

test('relayrunner:check, :try and :work say what is missing', { skip: noLaravel }, async (t) => {
  const app = laravelApp(await testFolder(t), { env: { QUEUE_CONNECTION: 'sqs' } })
  const checked = app.artisan('relayrunner:check')
  assert.equal(checked.code, 1)
  assert.match(checked.text, /missing {2}SqsClient: composer require aws\/aws-sdk-php/)
  assert.match(checked.text, /warning {2}attempts: the cache store is not shared/)
  assert.match(checked.text, /ok {7}failed jobs: the table can be read/)
  const worked = app.artisan('relayrunner:work')
  assert.equal(worked.code, 1)
  assert.match(worked.text, /started by the server: no RR_RELAY is set/)
  const tried = spawnSync('php', [fixture('laravel', 'artisan'), 'relayrunner:try', '-'], {
    input: app.bodies('Throws:a')[0],
    encoding: 'utf8',
    env: { ...process.env, ...app.env },
  })
  assert.match(tried.stdout, /Answer: \{"outcome":"retry","reason":"the job was released","after_ms":1000\}/)
  assert.deepEqual(app.marks(), ['Throws:a:ran:1'])
})
