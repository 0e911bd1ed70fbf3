/** `rr serve` with queues on the disk of the machine: what outlives the server, and what RoadRunner's `boltdb` means. */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { startQueues, statOf } from '../helpers/queues.js'
import { startRr, testFolder, workerText } from '../helpers/rr.js'
import { eventually } from '../helpers/wait.js'

const journal = ['consume: [mail]', 'pipelines:', '  mail: { driver: journal }']

test('failed jobs of a journal outlive a killed server, and a redrive brings them back', async (t) => {
  const options = { jobs: [...journal, 'retry: { max: 2, backoff: 1ms }'] }
  const first = await startQueues(t, options)
  await first.push('mail', { id: 'bad', body: { id: 'bad', deed: 'error', times: 2 } })
  await eventually(async () => Object(await first.call('jobs.Failed')).jobs.length === 1)
  first.rr.child.kill('SIGKILL')
  await first.rr.ended
  const second = await startQueues(t, { ...options, folder: first.folder })
  const [failed] = Object(await second.call('jobs.Failed')).jobs
  assert.deepEqual(
    [failed.pipeline, failed.job, failed.attempt, failed.why],
    ['mail', 'app.job', 2, 'told to fail'],
  )
  assert.deepEqual(await second.call('jobs.Redrive', { pipeline: 'mail' }), { count: 1 })
  await eventually(() => second.lines('done').length === 1)
  assert.deepEqual(Object(await second.call('jobs.Failed')).jobs, [])
  assert.equal((await statOf(second, 'mail')).active, undefined)
})

test('jobs of one lane run in their order over the pool, others beside them', async (t) => {
  const jobs = [
    'consume: [mail]',
    'pipelines:',
    '  mail: { driver: journal, config: { lane_header: tenant } }',
  ]
  const server = await startQueues(t, { jobs, workers: 3 })
  const ids = Array.from({ length: 24 }, (_, at) => `${'abc'.charAt(at % 3)}${Math.floor(at / 3)}`)
  await server.push(
    'mail',
    ...ids.map((id) => {
      const deed = id === 'b2' ? { deed: 'die', times: 1 } : {}
      return { id, headers: { tenant: [id.charAt(0)] }, body: { id, ms: 3, ...deed } }
    }),
  )
  await eventually(() => server.lines('done').length === ids.length)
  for (const lane of 'abc') {
    const of = (list: readonly string[]) => list.filter((id) => id.startsWith(lane))
    assert.deepEqual(of(server.lines('done')), of(ids))
  }
})

test('a second server on a journal does not start, and says which process has it', async (t) => {
  const folder = await testFolder(t)
  const jobs = ['consume: [mail]', 'pipelines:', `  mail: { driver: journal, config: { path: ${folder}/j } }`]
  const first = await startQueues(t, { jobs })
  const config = `version: "3"\nserver: { command: ${JSON.stringify(workerText('deeds', folder))} }\njobs:\n${jobs.map((line) => `  ${line}\n`).join('')}`
  const second = await startRr(t, ['serve'], { config })
  assert.equal(await second.ended, 1)
  assert.match(second.text(), new RegExp(`RR_JOURNAL_LOCKED.*is open in process ${first.rr.child.pid}`))
})

test('a redriven job that killed its workers has all of its tries ahead', async (t) => {
  const server = await startQueues(t, { jobs: journal })
  await server.push('mail', { id: 'poison', body: { id: 'poison', deed: 'die', times: 5 } })
  const isKept = async () => Object(await server.call('jobs.Failed')).jobs.length === 1
  await eventually(isKept)
  assert.deepEqual(await server.call('jobs.Redrive', { pipeline: 'mail' }), { count: 1 })
  await eventually(() => server.lines('done').length === 1)
  assert.equal(server.lines('tries').length, 6)
})

test('boltdb is a journal beside the named file; that file itself is a fault, unless it is to be ignored', async (t) => {
  const folder = await testFolder(t)
  const jobs = ['consume: [mail]', 'pipelines:', '  mail: { driver: boltdb, config: { file: data/rr.db } }']
  const file = join(folder, 'data/rr.db')
  await mkdir(join(folder, 'data'))
  await writeFile(file, 'of RoadRunner')
  const config = (more: string) =>
    `version: "3"\n${more}server: { command: ${JSON.stringify(workerText('deeds', folder))} }\njobs:\n${jobs.map((line) => `  ${line}\n`).join('')}`
  const refused = await startRr(t, ['serve'], { folder, config: config('') })
  assert.equal(await refused.ended, 78)
  assert.match(refused.text(), /rr: RR_BOLTDB_FILE: data\/rr\.db may hold data of RoadRunner/)
  assert.match(refused.text(), /Drain it first.*boltdb\.ignore_existing: true/)
  const server = await startRr(t, ['serve'], {
    folder,
    config: config('boltdb: { ignore_existing: true }\n'),
  })
  await server.line(({ message }) => message === 'server started')
  assert.ok(existsSync(`${file}.journal`))
  server.child.kill('SIGTERM')
  assert.equal(await server.ended, 0)
})

test('a worker of a boltdb pipeline is told RoadRunner’s name of the driver', async (t) => {
  const jobs = ['consume: [mail]', 'pipelines:', '  mail: { driver: boltdb }']
  const server = await startQueues(t, { jobs })
  await server.push('mail', { id: 'id-1', headers: { a: ['b'] } })
  await eventually(() => server.lines('contexts').length === 1)
  assert.deepEqual(JSON.parse(server.lines('contexts')[0] ?? ''), {
    id: 'id-1',
    job: 'app.job',
    driver: 'boltdb',
    headers: { a: ['b'] },
    queue: 'mail',
    pipeline: 'mail',
  })
})
