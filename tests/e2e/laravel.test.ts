import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type LaravelOptions, laravelApp, noLaravel } from '../helpers/laravel.js'
import { fixture, rrCommand } from '../helpers/project.js'
import { failuresOf, invoke, type RunningRr, sqsEvent, startRr, testFolder } from '../helpers/rr.js'
import { eventually } from '../helpers/wait.js'

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

test('the server knows the limit of Laravel’s jobs: it warns at 80 %, and the row says where it was', {
  skip: noLaravel,
}, async (t) => {
  const { app, rr } = await start(t, { count: 1, options: '--timeout=3' })
  assert.deepEqual(await send(rr, app.bodies('Endless:a')), [])
  const { limitMs } = await rr.line((line) => line.message === 'a job has used 80 % of its time')
  assert.equal(limitMs, 3000)
  // Laravel's own limit ended it.
  assert.match(app.marks().join(' '), /^Endless:a:failed:(MaxAttempts|Timeout)ExceededException$/)
  const [failed, ...more] = app.failed()
  assert.deepEqual(more, [])
  assert.match(failed?.exception ?? '', /Endless->handle/)
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

test('jobs that must not overlap wait for each other by a lock that workers share', {
  skip: noLaravel,
}, async (t) => {
  const { app, rr } = await start(t, { count: 2 })
  const failed = await send(rr, app.bodies('Alone:a', 'Alone:b'))
  assert.equal(failed.length, 1)
  const { afterMs } = await rr.line((line) => line.errorType === 'RR.Retry')
  assert.equal(afterMs, 5000)
  assert.equal(app.marks().length, 1)
})

test('while the application is down, jobs run with one warning, or come again', {
  skip: noLaravel,
}, async (t) => {
  const runs = await start(t, { count: 1 })
  const down = "file_put_contents(storage_path('framework/down'), '{}');"
  runs.app.php(down)
  assert.deepEqual(await send(runs.rr, runs.app.bodies('Plain:a', 'Plain:b')), [])
  const told = runs.rr
    .lines()
    .filter(({ message }) => message.startsWith('the application is down for maintenance'))
  assert.equal(told.length, 1)
  const waits = await start(t, { count: 1, config: { maintenance: 'retry' } })
  waits.app.php(down)
  assert.deepEqual(await send(waits.rr, waits.app.bodies('Plain:a')), [0])
  waits.app.php("unlink(storage_path('framework/down'));")
  assert.deepEqual(await send(waits.rr, waits.app.bodies('Plain:a')), [])
  assert.deepEqual(waits.app.marks(), ['Plain:a:ran:1'])
})

test('queue:pause pauses the pipeline in the server; payloads have type, tags and time of their push', {
  skip: noLaravel,
}, async (t) => {
  const folder = await testFolder(t)
  const app = laravelApp(folder, {
    env: { QUEUE_CONNECTION: 'relayrunner', RR_RPC: `unix://${folder}/rpc.sock` },
  })
  const config = `version: "3"
server: { command: "${app.command}" }
rpc: { listen: "unix://${folder}/rpc.sock" }
jobs: { mode: raw, pool: { num_workers: 1 }, consume: [default, other], pipelines: { default: { driver: memory }, other: { driver: memory } } }
`
  const rr = await startRr(t, ['serve'], { folder, config, env: app.env })
  await rr.line((line) => line.message === 'server started')
  // Events of Laravel 12.
  const events = `
    foreach (['QueuePaused', 'QueueResumed'] as $name) if (!class_exists("Illuminate\\\\Queue\\\\Events\\\\$name"))
      eval("namespace Illuminate\\\\Queue\\\\Events; class $name { public function __construct(public \\$connection, public \\$queue, public \\$ttl = null) {} }");`
  app.php(`${events} event(new Illuminate\\Queue\\Events\\QueuePaused('relayrunner', 'default')); Jobs\\Plain::dispatch('waits');
    Jobs\\Plain::dispatch('runs')->onQueue('other');`)
  await rr.line((line) => line.message === 'queue.job done')
  assert.deepEqual(app.marks(), ['Plain:runs:ran:1'])
  assert.equal(app.php("echo app('queue')->pendingSize('default');"), '1')
  app.php(`${events} event(new Illuminate\\Queue\\Events\\QueueResumed('relayrunner', 'default'));`)
  await eventually(() => app.marks().includes('Plain:waits:ran:1'))
  const payload =
    app.php(`$queue = app('queue')->connection('relayrunner'); $make = new ReflectionMethod($queue, 'createPayload');
    $make->setAccessible(true); echo $make->invoke($queue, new Jobs\\Plain('x'), 'default');`)
  const { type, tags, pushedAt } = JSON.parse(payload)
  assert.deepEqual([type, tags, Number(pushedAt) > 1e9], ['job', [], true])
})

test('relayrunner:install writes rr.yaml and the config, and overwrites nothing', {
  skip: noLaravel,
}, async (t) => {
  const folder = await testFolder(t)
  const app = laravelApp(folder)
  for (const [connection, driver] of [
    ['redis', 'laravel-redis'],
    ['database', 'journal'],
    ['sqs', 'sqs'],
    ['relayrunner', 'journal'],
  ] as const) {
    const place = await testFolder(t)
    const other = laravelApp(place, { env: { QUEUE_CONNECTION: connection } })
    assert.equal(other.artisan('relayrunner:install').code, 0)
    assert.match(readFileSync(join(place, 'base/rr.yaml'), 'utf8'), new RegExp(`driver: ${driver} `))
  }
  const first = app.artisan('relayrunner:install', '--lambda')
  assert.equal(first.code, 0, first.text)
  const base = join(folder, 'base')
  writeFileSync(join(base, 'artisan'), '')
  for (const name of ['rr.yaml', 'bootstrap.sh', 'config/relayrunner.php'])
    assert.ok(existsSync(join(base, name)), `${name} is not there:\n${first.text}`)
  const checked = spawnSync(process.execPath, [rrCommand, 'validate'], { cwd: base, encoding: 'utf8' })
  assert.equal(checked.status, 0, checked.stderr)
  writeFileSync(join(base, 'rr.yaml'), 'mine')
  assert.match(app.artisan('relayrunner:install').text, /kept .*rr\.yaml/)
  assert.equal(readFileSync(join(base, 'rr.yaml'), 'utf8'), 'mine')
})
