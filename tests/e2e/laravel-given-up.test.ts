import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { type LaravelApp, laravelApp, noLaravel } from '../helpers/laravel.js'
import { startQueues } from '../helpers/queues.js'
import { failuresOf, invoke, type RunningRr, sqsEvent, startRr, testFolder } from '../helpers/rr.js'

const arn = 'arn:aws:sqs:eu-west-1:123456789012:orders'

async function start(t: TestContext, lambda: string) {
  const folder = await testFolder(t)
  const app = laravelApp(folder, { env: { QUEUE_CONNECTION: 'database' } })
  const config = `version: "3"
server: { command: "${app.command}" }
lambda: { failed: worker, ${lambda} pool: { num_workers: 1 } }
emulator: { address: "127.0.0.1:0" }
`
  return { app, rr: await startRr(t, ['serve'], { folder, config, env: app.env }) }
}

/** Dispatches into a table, and returns the bodies: those of batches and unique jobs are made by dispatching alone. */
function dispatched(app: LaravelApp, code: string): readonly string[] {
  return JSON.parse(
    app.php(`
      if (!Illuminate\\Support\\Facades\\Schema::hasTable('jobs')) Illuminate\\Support\\Facades\\Schema::create('jobs', function ($table) {
        $table->id(); $table->string('queue'); $table->longText('payload'); $table->integer('attempts');
        $table->integer('reserved_at')->nullable(); $table->integer('available_at'); $table->integer('created_at');
      });
      ${code}
      echo json_encode(DB::table('jobs')->orderBy('id')->pluck('payload')); DB::table('jobs')->delete();
    `),
  )
}

async function send(rr: RunningRr, bodies: readonly string[], deliveries = 1): Promise<number> {
  const records = sqsEvent(bodies).Records.map((record) => ({
    ...record,
    eventSourceARN: arn,
    attributes: { ...record.attributes, ApproximateReceiveCount: String(deliveries) },
  }))
  return failuresOf(await invoke(rr, { Records: records })).length
}

test('a job that the server gave up fails once: its row, failed(), the batch’s counter and the lock', {
  skip: noLaravel,
}, async (t) => {
  const { app, rr } = await start(t, 'quarantine: { after: 1 },')
  const bodies = dispatched(
    app,
    "Jobs\\KillsUnique::dispatch('u'); Illuminate\\Support\\Facades\\Bus::batch([new Jobs\\Kills('b')])->allowFailures()->dispatch();",
  )
  assert.equal(bodies.length, 2)
  // While the lock is held, nothing more is dispatched.
  assert.deepEqual(dispatched(app, "Jobs\\KillsUnique::dispatch('u');"), [])
  assert.equal(await send(rr, bodies), 2)
  // The second death is that of a worker of its own: the record is given up, shown, settled and acknowledged.
  assert.equal(await send(rr, bodies, 2), 0)
  const failed = app.failed()
  assert.equal(failed.length, 2)
  for (const { exception } of failed)
    assert.match(exception, /GivenUp: the record has killed 2 workers, the last one of them alone/)
  const marks = app.marks()
  assert.deepEqual(marks.filter((mark) => mark.includes(':failed:')).sort(), [
    'Kills:b:failed:GivenUp',
    'KillsUnique:u:failed:GivenUp',
  ])
  assert.equal(marks.filter((mark) => mark.includes(':ran:')).length, 4)
  const batch = "echo json_encode(DB::table('job_batches')->first(['pending_jobs', 'failed_jobs']));"
  assert.deepEqual(JSON.parse(app.php(batch)), { pending_jobs: 1, failed_jobs: 1 })
  assert.equal(dispatched(app, "Jobs\\KillsUnique::dispatch('u');").length, 1)
  await rr.line((line) => line.message === 'a record was given up, and a worker has settled it')
  // A second delivery of what was settled is acknowledged, and shown to nobody.
  assert.equal(await send(rr, bodies, 3), 0)
  assert.equal(app.marks().length, marks.length)
  assert.equal(app.failed().length, 2)
})

test('a job that fails at its last delivery fails in Laravel, and not into the dead-letter queue', {
  skip: noLaravel,
}, async (t) => {
  const { app, rr } = await start(t, 'max_receives: 2,')
  const bodies = app.bodies('Throws:a')
  assert.equal(await send(rr, bodies), 1)
  assert.equal(await send(rr, bodies, 2), 0)
  assert.deepEqual(app.marks(), ['Throws:a:ran:1', 'Throws:a:ran:2', 'Throws:a:failed:GivenUp'])
  assert.equal(app.failed().length, 1)
})

test('a job of a queue of one’s own that the server gave up fails in Laravel', {
  skip: noLaravel,
}, async (t) => {
  const folder = await testFolder(t)
  const app = laravelApp(folder, { env: { QUEUE_CONNECTION: 'database' } })
  const server = await startQueues(t, {
    folder,
    worker: app.command,
    workers: 1,
    env: app.env,
    jobs: [
      'mode: raw',
      'failed: worker',
      'retry: { backoff: 10ms }',
      'consume: [default]',
      'pipelines: { default: { driver: journal } }',
    ],
  })
  const [body = ''] = dispatched(app, "Jobs\\KillsUnique::dispatch('u');")
  const payload = Buffer.from(body).toString('base64')
  await server.call('jobs.Push', {
    job: { job: 'app.job', id: 'u', payload, options: { pipeline: 'default' } },
  })
  await server.rr.line(({ message }) => message.startsWith('a job failed for good: a worker has settled it'))
  assert.match(app.failed()[0]?.exception ?? '', /GivenUp: the record has killed 4 workers/)
  const marks = app.marks()
  assert.deepEqual([marks.length, marks.at(-1)], [5, 'KillsUnique:u:failed:GivenUp'])
  // Its lock is free again.
  assert.equal(dispatched(app, "Jobs\\KillsUnique::dispatch('u');").length, 1)
})
