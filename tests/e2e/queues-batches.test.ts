/** `records_per_job` of a pipeline: workers of each language take small batches, name the failed messages, die, and nothing is lost. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { systemClock } from '../../src/core/clock.js'
import { definePlugin } from '../../src/index.js'
import { silentLogger } from '../../src/logging/logger.js'
import { JobDriver, jobDriver } from '../../src/work/driver.js'
import { MemoryQueue } from '../../src/work/queues/memory/memory-queue.js'
import { QueueSource } from '../../src/work/queues/queue-source.js'
import { startServer } from '../../testing/index.js'
import { startBootstrap } from '../helpers/bootstrap.js'
import { fixture, missing } from '../helpers/project.js'
import { type QueueServer, startQueues, statOf } from '../helpers/queues.js'
import { noRedis, redisServer } from '../helpers/redis-server.js'
import { failuresOf, invokeAt, lambdaConfig, sqsEvent, testFolder } from '../helpers/rr.js'
import { testApi } from '../helpers/runtime-api.js'
import { eventually } from '../helpers/wait.js'

const languages = [
  { language: 'Node', command: process.execPath, file: 'batches.mjs', skip: false },
  { language: 'Python', command: 'python3', file: 'batches.py', skip: missing('python3') },
  { language: 'PHP', command: 'php', file: 'batches.php', skip: missing('php') },
] as const
type Language = (typeof languages)[number]
const [node, python, php] = languages

const perJob = 7
const workerOf = ({ command, file }: Language, folder: string) =>
  `${command} ${fixture('sdk', file)} ${folder}`

function section(driver: string, config = ''): readonly string[] {
  const own = config === '' ? '' : `, config: { ${config} }`
  return [
    'mode: raw',
    'retry: { backoff: 10ms }',
    'consume: [mail]',
    'pipelines:',
    `  mail: { driver: ${driver}, records_per_job: ${perJob}${own} }`,
  ]
}

/** Jobs of which some fail twice, and some kill their worker once. */
const deeds = ['fail', 'none', 'none', 'none', 'die', 'none', 'none', 'none', 'none', 'none', 'none']
const jobs = Array.from({ length: 88 }, (_, at) => {
  const deed = deeds[at % deeds.length]
  return { id: `job-${at}`, body: { id: `job-${at}`, deed, times: deed === 'fail' ? 2 : 1 } }
})
const ids = jobs.map(({ id }) => id).toSorted()

interface Batch {
  readonly kind: string
  readonly source: string
  readonly count: number
  readonly rests: number
}

function batchesOf(server: QueueServer): readonly Batch[] {
  return server.lines('contexts').map((line) => JSON.parse(line))
}

/** Checks what workers were sent, and that each failed message was tried as often as it failed, and no other. */
function judge(server: QueueServer, source: string): void {
  const batches = batchesOf(server)
  for (const { kind, source: found, count, rests } of batches)
    assert.deepEqual([kind, found, rests], ['records', source, count])
  assert.ok(batches.every(({ count }) => count <= perJob))
  assert.ok(
    batches.some(({ count }) => count === perJob),
    'some batches are full',
  )
  assert.deepEqual([...new Set(server.lines('done'))].toSorted(), ids)
}

async function emptied(server: QueueServer): Promise<void> {
  await eventually(async () => {
    const { active = 0, delayed = 0, reserved = 0 } = await statOf(server, 'mail')
    return Number(active) + Number(delayed) + Number(reserved) === 0
  })
}

const isAllDone = (server: QueueServer) => new Set(server.lines('done')).size === ids.length

for (const language of languages)
  test(`small batches of ${language.language} workers: failed messages come again, what is done is done once`, {
    skip: language.skip,
  }, async (t) => {
    const folder = await testFolder(t)
    const server = await startQueues(t, {
      folder,
      worker: workerOf(language, folder),
      jobs: section('memory'),
    })
    await server.push('mail', ...jobs)
    await eventually(() => isAllDone(server))
    await emptied(server)
    judge(server, 'memory')
    assert.deepEqual([...server.lines('done')].toSorted(), ids, 'nothing is done twice')
    const tries = server.lines('tries')
    // Their siblings that were answered well are acknowledged, and not tried again.
    for (const { id, body } of jobs.filter(({ body: { deed } }) => deed === 'fail'))
      assert.ok(tries.filter((one) => one === id).length > body.times, id)
    const named = server.rr
      .lines()
      .filter(({ errorMessage }) => /named this record/.test(String(errorMessage)))
    const bad = jobs.filter(({ body: { deed } }) => deed === 'fail').map(({ id }) => id)
    assert.deepEqual([...new Set(named.map(({ job }) => String(job)))].toSorted(), bad.toSorted())
  })

for (const { driver, language, skip } of [
  { driver: 'journal', language: php, skip: php.skip },
  { driver: 'redis', language: python, skip: noRedis || python.skip },
])
  test(`small batches of ${driver} balance while workers die and the server is killed and restarted`, {
    skip,
  }, async (t) => {
    const folder = await testFolder(t)
    const sections = driver === 'redis' ? [`redis: { addrs: ["${(await redisServer(t)).address}"] }`] : []
    const options = {
      folder,
      worker: workerOf(language, folder),
      jobs: section(driver, driver === 'redis' ? 'lease: 2s' : ''),
      sections,
    }
    const first = await startQueues(t, options)
    await first.push('mail', ...jobs)
    await eventually(() => first.lines('done').length > 15)
    first.rr.child.kill('SIGKILL')
    await first.rr.ended
    const second = await startQueues(t, options)
    await eventually(() => new Set(second.lines('done')).size > 50)
    second.rr.child.kill('SIGKILL')
    await second.rr.ended
    const third = await startQueues(t, options)
    await eventually(() => isAllDone(third))
    await emptied(third)
    judge(third, driver)
    // What ran when the server was killed, and what was acknowledged at that moment: a batch and the next of each worker.
    const twice = third.lines('done').length - ids.length
    assert.ok(twice <= 2 * 4 * perJob, `${twice} jobs were done twice`)
  })

/** A driver whose queue hands out several messages of a group at once, as SQS does. */
function fifoDriver() {
  const clock = systemClock
  const queue = new MemoryQueue({ name: 'work.fifo', clock, newId: randomUUID, visibilityMs: 30_000 })
  const part = { name: 'fifo', properties: {} } as const
  const open = async () => new QueueSource({ queue, kind: 'aws:sqs', clock, log: silentLogger })
  const plugin = definePlugin({
    name: 'fifo-driver',
    on: 'named',
    provides: JobDriver,
    parts: { [JobDriver.name]: [part] },
    setup: () => ({ service: jobDriver(part, open) }),
  })
  return { queue, plugin }
}

test('small batches of a FIFO queue keep the order of each group behind a failed message', async (t) => {
  const { queue, plugin } = fifoDriver()
  const names = Array.from({ length: 60 }, (_, at) => `${'abc'.charAt(at % 3)}${Math.floor(at / 3)}`)
  for (const id of names) {
    const deed = id === 'b2' ? { deed: 'fail', times: 2 } : id === 'c4' ? { deed: 'die', times: 1 } : {}
    await queue.send({ body: JSON.stringify({ id, ...deed }), group: id.charAt(0), deduplicationId: id })
  }
  const folder = await testFolder(t)
  const server = await startServer({
    plugins: [plugin],
    config: {
      server: { command: workerOf(node, folder) },
      jobs: {
        mode: 'raw',
        pool: { num_workers: 2 },
        retry: { backoff: '10ms' },
        consume: ['mail'],
        pipelines: { mail: { driver: 'fifo', records_per_job: perJob } },
      },
    },
  })
  t.after(() => server.stop())
  const lines = (name: string) => {
    const path = join(folder, name)
    return existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n') : []
  }
  await eventually(() => new Set(lines('done')).size === names.length)
  assert.ok(lines('contexts').some((line) => JSON.parse(line).count > 1))
  for (const group of 'abc') {
    const of = (list: readonly string[]) => list.filter((id) => id.startsWith(group))
    assert.deepEqual(of(lines('done')), of(names))
  }
  await eventually(async () => {
    const { visible, inFlight } = await queue.counts()
    return visible + inFlight === 0
  })
})

test('the worker of small batches runs on Lambda as it is', async (t) => {
  const folder = await testFolder(t)
  const api = await testApi(t)
  const config = lambdaConfig(workerOf(node, folder), { more: '', count: 1, lambda: 'records_per_job: 3' })
  await startBootstrap(t, api, { config })
  const bodies = ['none', 'fail', 'none', 'none'].map((deed, at) =>
    JSON.stringify({ id: `${at}`, deed, times: 1 }),
  )
  const answer = await invokeAt(api.invokeUrl, JSON.stringify(sqsEvent(bodies)))
  assert.deepEqual(failuresOf(answer), ['message-1'])
})
