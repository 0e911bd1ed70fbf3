/** `jobs.failed: worker`: a job that failed for good is shown to a worker once, and put aside only when that one does not settle it. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fixture, missing, projectFolder } from '../helpers/project.js'
import { type QueueServer, startQueues, statOf } from '../helpers/queues.js'
import { workerText } from '../helpers/rr.js'
import { eventually } from '../helpers/wait.js'

interface Setting {
  readonly worker?: string
  readonly driver?: string
  /** Further lines of the section. */
  readonly keys?: readonly string[]
  readonly retryMax?: number
}

function start(
  t: TestContext,
  { worker = workerText('given-up'), driver = 'memory', keys = [], retryMax = 0 }: Setting,
) {
  return startQueues(t, {
    worker,
    workers: 1,
    env: { PYTHONPATH: join(projectFolder, 'workers', 'python', 'src') },
    jobs: [
      'mode: raw',
      'failed: worker',
      `retry: { max: ${retryMax}, backoff: 10ms }`,
      'consume: [mail]',
      'pipelines:',
      `  mail: { driver: ${driver} }`,
      ...keys,
    ],
  })
}

function push(server: QueueServer, ...texts: readonly string[]): Promise<unknown> {
  const jobs = texts.map((text, at) => ({
    job: 'app.job',
    id: `job-${at}`,
    payload: Buffer.from(text).toString('base64'),
    options: { pipeline: 'mail' },
  }))
  return server.call('jobs.PushBatch', { jobs })
}

const shown = ({ rr }: QueueServer) => rr.lines().filter(({ message }) => message.startsWith('given up:'))

async function empty(server: QueueServer): Promise<void> {
  await eventually(async () => {
    const { active = 0, delayed = 0, reserved = 0 } = await statOf(server, 'mail')
    return `${active} ${delayed} ${reserved}` === '0 0 0'
  })
}

async function keptIs(server: QueueServer, ids: readonly string[]): Promise<void> {
  await eventually(async () => {
    const { jobs } = Object(await server.call('jobs.Failed', { pipeline: 'mail' }))
    const found = jobs.map(({ id }: { readonly id: string }) => id).toSorted()
    return found.join() === ids.join()
  })
}

const workers = [
  ['Node', workerText('given-up'), false],
  ['PHP', `php ${fixture('workers', 'given-up.php')}`, missing('php')],
  ['Python', `python3 ${fixture('workers', 'given-up.py')}`, missing('python3')],
] as const

for (const [name, worker, skip] of workers)
  test(`${name}: a job that killed its workers is shown to one that settles it, and acknowledged`, {
    skip,
  }, async (t) => {
    const server = await start(t, { worker, driver: 'journal' })
    await push(server, 'die', 'well')
    const line = await server.rr.line(({ message }) => message.startsWith('a job failed for good'))
    assert.match(line.message, /a worker has settled it/)
    assert.match(String(line.errorMessage), /has killed 4 workers, the last one of them alone/)
    await empty(server)
    assert.equal(shown(server).length, 1)
    assert.deepEqual(await server.call('jobs.Failed', { pipeline: 'mail' }), { jobs: [] })
  })

test('a job whose tries are used up is shown, too; one that its worker gave up itself is not', async (t) => {
  const server = await start(t, { retryMax: 2 })
  await push(server, 'throw', 'never')
  await keptIs(server, ['job-1'])
  await server.rr.line(({ message }) => message === 'given up: throw job-0')
  await empty(server)
  assert.equal(shown(server).length, 1)
})

test('what a worker does not settle is put aside, and shown again after a redrive', async (t) => {
  const server = await start(t, { retryMax: 1 })
  await push(server, 'throw, then retry', 'throw, then die')
  await keptIs(server, ['job-0', 'job-1'])
  assert.equal(shown(server).length, 2)
  assert.deepEqual(await server.call('jobs.Redrive', { pipeline: 'mail', ids: ['job-0'] }), { count: 1 })
  await eventually(() => shown(server).length === 3)
  await keptIs(server, ['job-0', 'job-1'])
})

test('jobs go to the dead pipeline as before when workers do not know of it', async (t) => {
  const server = await start(t, {
    worker: workerText('dies-of-body'),
    keys: ['  late: { driver: memory }', 'dead: late'],
  })
  await push(server, 'die')
  await server.rr.line(({ message }) =>
    message.includes('no worker announced `given_up`, which `jobs.failed: worker` needs'),
  )
  await eventually(async () => (await statOf(server, 'late')).active === 1)
})
