/** `rr serve` with queues of SQS, a server of its own protocol: nothing is lost when workers, the server or the queue's server die. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { missing, projectFolder } from '../helpers/project.js'
import { type QueueServer, startQueues, statOf } from '../helpers/queues.js'
import { testFolder } from '../helpers/rr.js'
import { openQueueOf, startSqsServer } from '../helpers/sqs-server.js'
import { eventually } from '../helpers/wait.js'

const sections = (url: string, ...more: readonly string[]) => [
  'consume: [mail]',
  ...more,
  'pipelines:',
  `  mail: { driver: sqs, config: { queue: "${url}", wait_time_seconds: 1 } }`,
]

async function stop(server: QueueServer): Promise<void> {
  server.rr.child.kill('SIGTERM')
  assert.equal(await server.rr.ended, 0)
}

test('a ledger of 120 jobs balances while workers die and the server is killed and restarted', async (t) => {
  const sqs = await startSqsServer(t)
  const { url } = sqs.createQueue('work', { visibilitySeconds: 2 })
  const jobs = sections(url, 'retry: { backoff: 10ms }')
  const deeds = ['die', 'error', 'none', 'none', 'unreadable', 'none']
  const options = { jobs, env: sqs.env, workers: 3 }
  const first = await startQueues(t, options)
  const { folder } = first
  const ids = Array.from({ length: 120 }, (_, at) => `job-${at}`)
  const body = (id: string, at: number) => ({ id, deed: deeds[at % deeds.length], times: 1, ms: 5 })
  await first.push('mail', ...ids.map((id, at) => ({ id, body: body(id, at) })))
  await eventually(() => first.lines('done').length > 20)
  first.rr.child.kill('SIGKILL')
  await first.rr.ended
  const second = await startQueues(t, { ...options, folder })
  await eventually(() => new Set(second.lines('done')).size > 70)
  await stop(second)
  const third = await startQueues(t, { ...options, folder })
  await eventually(() => new Set(third.lines('done')).size === ids.length)
  await eventually(() => sqs.where('work').visible + sqs.where('work').inFlight === 0)
  assert.deepEqual([...new Set(third.lines('done'))].sort(), [...ids].sort())
  // Only what ran when the server was killed may have been done twice.
  const twice = third.lines('done').length - ids.length
  assert.ok(twice <= 3, `${twice} jobs were done twice`)
  await stop(third)
})

test('groups of a FIFO queue keep their order over the pool, also behind a job that fails', async (t) => {
  const sqs = await startSqsServer(t)
  const { url } = sqs.createQueue('work.fifo', { visibilitySeconds: 30 })
  const queue = await openQueueOf(t, url, sqs.env)
  const names = Array.from({ length: 24 }, (_, at) => `${'abc'.charAt(at % 3)}${Math.floor(at / 3)}`)
  for (const id of names) {
    const deed = id === 'b2' ? { deed: 'die', times: 2 } : {}
    await queue.send({
      body: JSON.stringify({ id, ms: 3, ...deed }),
      group: id.charAt(0),
      deduplicationId: id,
    })
  }
  const jobs = sections(url, 'mode: raw', 'retry: { backoff: 1s }')
  const server = await startQueues(t, { jobs, env: sqs.env, workers: 3 })
  await eventually(() => server.lines('done').length === names.length)
  for (const group of 'abc') {
    const done = server.lines('done').filter((id) => id.startsWith(group))
    assert.deepEqual(
      done,
      names.filter((id) => id.startsWith(group)),
    )
  }
  await stop(server)
})

test('a job outlives its visibility while a worker lives on it, and is run once', async (t) => {
  const sqs = await startSqsServer(t)
  const { url } = sqs.createQueue('work', { visibilitySeconds: 1 })
  const server = await startQueues(t, { jobs: sections(url), env: sqs.env })
  await server.push('mail', { id: 'long', body: { id: 'long', ms: 3500 } })
  await eventually(() => server.lines('done').length === 1)
  await eventually(() => sqs.where('work').inFlight === 0)
  assert.deepEqual(server.lines('tries'), ['long'])
  await stop(server)
})

test('what failed for good goes to the queue’s dead letters where it has some', async (t) => {
  const sqs = await startSqsServer(t)
  const { url } = sqs.createQueue('work', { visibilitySeconds: 30, receiveMax: 2 })
  const server = await startQueues(t, { jobs: sections(url, 'retry: { backoff: 1s }'), env: sqs.env })
  await server.push('mail', { id: 'bad', body: { id: 'bad', deed: 'error' } })
  await eventually(() => sqs.where('work-dead').visible === 1)
  assert.deepEqual(server.lines('tries'), ['bad', 'bad'])
  await stop(server)
})

test('without dead letters it is kept hidden, and a redrive brings it back', async (t) => {
  const sqs = await startSqsServer(t)
  const { url } = sqs.createQueue('plain', { visibilitySeconds: 1 })
  const server = await startQueues(t, { jobs: sections(url, 'retry: { max: 1 }'), env: sqs.env })
  await server.push('mail', { id: 'bad', body: { id: 'bad', deed: 'error', times: 1 } }, { id: 'good' })
  await server.rr.line(({ message }) => message.includes('it is kept'))
  await eventually(() => server.lines('done').length === 1)
  await eventually(async () => (await statOf(server, 'mail')).reserved === undefined)
  assert.deepEqual(await server.call('jobs.Redrive', { pipeline: 'mail' }), { count: 1 })
  await eventually(() => server.lines('done').length === 2)
  await eventually(() => sqs.where('plain').inFlight === 0)
  await stop(server)
})

test('a queue that cannot be reached is told once and seen, and is used again when it is there', async (t) => {
  const sqs = await startSqsServer(t)
  const port = Number(new URL(sqs.env.AWS_ENDPOINT_URL_SQS ?? '').port)
  const { url } = sqs.createQueue('work', { visibilitySeconds: 30 })
  await sqs.stop()
  const server = await startQueues(t, { jobs: sections(url), env: sqs.env })
  const text = 'a pipeline cannot reach its queue, trying again'
  const line = await server.rr.line(({ message }) => message === text)
  assert.deepEqual([line.pipeline, line.driver, line.level], ['mail', 'sqs', 'warn'])
  const [state] = Object(await server.call('jobs.States')).pipelines
  assert.deepEqual([state.state, state.active], ['unreachable', null])
  assert.match(state.error, /ECONNREFUSED/)
  await assert.rejects(server.push('mail', { id: 'x' }), /rpc_push_batch:\n\tjobs_plugin_push_batch: /)
  const again = await startSqsServer(t, port)
  again.createQueue('work', { visibilitySeconds: 30 })
  await server.rr.line(({ message }) => message === 'a pipeline reaches its queue again')
  await server.push('mail', { id: 'y' })
  await eventually(() => server.lines('done').length === 1)
  assert.equal(server.rr.lines().filter(({ message }) => message === text).length, 1)
  await stop(server)
})

const languages: readonly [name: string, command: string, skip: string | false][] = [
  ['node', `${process.execPath} %.mjs`, false],
  ['php', 'php %.php', missing('php')],
  ['python', 'python3 %.py', missing('python3')],
]

/** The example's worker on a queue, with a store of its own. */
async function startExample(t: TestContext, language: string, command: string, kind: 'orders' | 'ledger') {
  const sqs = await startSqsServer(t)
  const name = kind === 'ledger' ? 'work.fifo' : 'work'
  const { url } = sqs.createQueue(name, { visibilitySeconds: 3, receiveMax: 3 })
  const store = await testFolder(t)
  const file = join(projectFolder, 'examples', `consumer-${language}`, kind)
  const server = await startQueues(t, {
    jobs: sections(url, 'mode: raw', 'retry: { backoff: 1s }'),
    worker: command.replace('%', file),
    env: { ...sqs.env, STORE: store },
  })
  const queue = await openQueueOf(t, url, sqs.env)
  const events = join(projectFolder, 'examples', `consumer-${language}`, 'events')
  const send = async (event: string) => {
    const { Records: records } = Object(JSON.parse(await readFile(join(events, `${event}.json`), 'utf8')))
    for (const { body, attributes, messageId } of records) {
      const group = attributes.MessageGroupId
      await queue.send({ body, ...(group === undefined ? {} : { group, deduplicationId: messageId }) })
    }
    return records.length as number
  }
  return { sqs, server, store, send, name }
}

for (const [language, command, skip] of languages)
  test(`the ${language} consumers of the examples run unchanged on a queue`, { skip }, async (t) => {
    const orders = await startExample(t, language, command, 'orders')
    await orders.send('orders')
    const settled = ({ sqs, name }: typeof orders) => sqs.where(name).visible + sqs.where(name).inFlight === 0
    await eventually(() => settled(orders))
    const shipped = orders.server.rr
      .lines()
      .filter(({ message }) => message === 'shipped')
      .map(({ key }) => key)
    assert.ok(shipped.length > 0)
    assert.equal(new Set(shipped).size, shipped.length)
    await stop(orders.server)
    const ledger = await startExample(t, language, command, 'ledger')
    await ledger.send('movements')
    await eventually(() => settled(ledger))
    const applied = ledger.server.rr.lines().filter(({ message }) => message === 'applied')
    const byAccount = new Map<unknown, unknown[]>()
    for (const { account, number } of applied)
      byAccount.set(account, [...(byAccount.get(account) ?? []), number])
    assert.ok(byAccount.size > 0)
    for (const [account, numbers] of byAccount)
      assert.deepEqual(
        numbers,
        numbers.map((_, at) => at + 1),
        String(account),
      )
    await stop(ledger.server)
  })
