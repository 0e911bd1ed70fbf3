/** Tests `rr jobs` against a running server. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { rr } from '../../helpers/command.js'
import { shippedFolder } from '../../helpers/project.js'
import { startQueues } from '../../helpers/queues.js'
import { started, startRr, testFolder, workerText } from '../../helpers/rr.js'
import { eventually } from '../../helpers/wait.js'

const twoPipelines = [
  'consume: [mail]',
  'retry: { max: 1, backoff: 1ms }',
  'pipelines:',
  '  mail: { driver: memory }',
  '  sms: { driver: memory, priority: 3 }',
]

test('jobs are pushed, shown, failed and put back from the command line', async (t) => {
  const server = await startQueues(t, { jobs: twoPipelines })
  const { folder } = server
  const body = JSON.stringify({ id: 'x', deed: 'error', times: 1 })
  const pushed = await rr(folder, ['jobs', 'push', 'mail', '--body', body, '--job', 'App', '--id', 'x'])
  assert.deepEqual([pushed.code, pushed.out], [0, 'x\n'])
  await server.rr.line(({ message }) => message.includes('it is kept'))
  const table = await rr(folder, ['jobs'])
  assert.equal(table.code, 0)
  const [head = '', mail = '', sms = ''] = table.out.split('\n')
  assert.match(head, /^PIPELINE +DRIVER +STATE +READY +DELAYED +RESERVED +RUNNING +DEAD +ENDED\/MIN +OLDEST$/)
  assert.match(mail, /^mail +memory +consuming +0 +0 +0 +0 +1 +1 +-$/)
  assert.match(sms, /^sms +memory +paused +0 +0 +0 +0 +0 +0 +-$/)
  const dead = await rr(folder, ['jobs', 'dead', 'mail', '--json'])
  const [row] = JSON.parse(dead.out)
  assert.deepEqual([row.pipeline, row.job, row.attempt, row.why], ['mail', 'App', 1, 'told to fail'])
  assert.match((await rr(folder, ['jobs', 'dead'])).out, /^PIPELINE +ID +JOB +TRIES +FAILED +WHY\nmail +/)
  const back = await rr(folder, ['jobs', 'redrive', 'mail', row.id])
  assert.deepEqual([back.code, back.out], [0, '1 jobs are back in mail\n'])
  await eventually(() => server.lines('done').includes('x'))
  assert.equal((await rr(folder, ['jobs', 'redrive', 'mail', 'unknown'])).code, 1)
  assert.equal((await rr(folder, ['jobs', 'dead'])).out, 'no failed jobs\n')
})

test('a failed job is listed with the type of its error, as in a stack', async (t) => {
  const folder = await testFolder(t)
  const sdk = JSON.stringify(join(shippedFolder, 'workers', 'node', 'index.js'))
  const text = `import { serve } from ${sdk}\nawait serve(() => { throw new RangeError('boom') })\n`
  writeFileSync(join(folder, 'worker.mjs'), text)
  const jobs = ['mode: raw', ...twoPipelines]
  const server = await startQueues(t, { jobs, folder, worker: 'node worker.mjs' })
  assert.equal((await rr(folder, ['jobs', 'push', 'mail', '--body', ''])).code, 0)
  await server.rr.line(({ message }) => message.includes('it is kept'))
  const [row] = JSON.parse((await rr(folder, ['jobs', 'dead', '--json'])).out)
  assert.equal(row.why, 'RangeError: boom')
})

test('a paused pipeline takes jobs and runs none until it is resumed', async (t) => {
  const server = await startQueues(t, { jobs: twoPipelines })
  const { folder } = server
  const paused = await rr(folder, ['jobs', 'pause', 'mail'])
  assert.deepEqual([paused.code, paused.err], [0, 'pipeline mail: paused\n'])
  writeFileSync(join(folder, 'body.json'), '{"id":"y"}')
  const pushed = await rr(folder, ['jobs', 'push', 'mail', 'body.json', '--json'])
  assert.match(JSON.parse(pushed.out).id, /^[0-9a-f-]{36}$/)
  const [state] = JSON.parse((await rr(folder, ['jobs', 'stat', 'mail', '--json'])).out)
  assert.deepEqual([state.state, state.active, state.done], ['paused', 1, 0])
  assert.ok(state.oldest_ms >= 0)
  await rr(folder, ['jobs', 'push', 'sms', '--body', '{"id":"z"}', '--delay', '1h', '--priority', '2'])
  assert.match((await rr(folder, ['jobs', 'stat', 'sms'])).out, /^delayed +1$/m)
  assert.deepEqual(server.lines('tries'), [])
  const resumed = await rr(folder, ['jobs', 'resume', 'mail'])
  assert.deepEqual([resumed.code, resumed.err], [0, 'pipeline mail: resumed\n'])
  await eventually(() => server.lines('done').length === 1)
})

test('wrong words, unknown pipelines and servers without queues are told', async (t) => {
  const { folder } = await startQueues(t, { jobs: twoPipelines })
  const wrong: readonly [words: readonly string[], code: number, text: RegExp][] = [
    [
      ['lst'],
      2,
      /^rr: RR_USAGE: jobs takes one of list, stat, pause, resume, push, dead, redrive, not "lst"\n {4}Did you mean `rr jobs list`\?\n$/,
    ],
    [['push'], 2, /^rr: RR_USAGE: jobs push takes PIPELINE \[FILE\]\n$/],
    [['list', 'mail'], 2, /^rr: RR_USAGE: jobs list takes no names\n$/],
    [['push', 'mail', '--delay', 'soon'], 2, /--delay takes a duration such as 5s, not "soon"/],
    [['push', 'mail', '--priority', 'high'], 2, /--priority takes a number from 1 to 1000, not "high"/],
    [['push', 'mail', 'a', '--body', 'b'], 2, /give either a file or --body/],
    [['stat', 'nosuch'], 1, /there is no pipeline "nosuch" \(pipelines: mail, sms\)/],
    [['pause', 'nosuch'], 1, /no such pipeline, requested: nosuch\n {4}Pipelines: mail, sms\.\n$/],
    [['resume', 'mial'], 1, /requested: mial\n {4}Did you mean mail\? Pipelines: mail, sms\.\n$/],
    [
      ['push', 'mail'],
      2,
      /^rr: RR_USAGE: jobs push has no body: give a file, - for standard input, or --body\n {4}An empty one on purpose: `rr jobs push mail --body ''`\.\n$/,
    ],
    [['push', 'nosuch', '--body', ''], 1, /^rr: RR_RPC_FAILED: no such pipeline, requested: nosuch$/m],
  ]
  for (const [words, code, text] of wrong) {
    const run = await rr(folder, ['jobs', ...words])
    assert.equal(run.code, code, words.join(' '))
    assert.match(run.err, text, words.join(' '))
  }
  const other = await testFolder(t)
  const config = `version: "3"\nserver: { command: "${workerText('echo')}" }\npools: { default: { num_workers: 1 } }\n`
  await started(await startRr(t, ['serve'], { folder: other, config }))
  const none = await rr(other, ['jobs'])
  assert.equal(none.code, 1)
  assert.match(none.err, /the server has no queues of its own\n.*Add a `jobs:` section/)
})
