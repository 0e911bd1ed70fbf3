/** `rr serve` with queues of RabbitMQ: nothing is lost when workers, the server or RabbitMQ die, and faults are told with what to do. */
import assert from 'node:assert/strict'
import { after, before, type TestContext, test } from 'node:test'
import { connect } from 'amqplib'
import { type QueueServer, startQueues } from '../helpers/queues.js'
import { missingRabbit, type Rabbit, startRabbit } from '../helpers/rabbitmq.js'
import { eventually } from '../helpers/wait.js'

const skip = missingRabbit
let rabbit: Rabbit
before(async () => {
  if (skip === false) rabbit = await startRabbit()
})
after(async () => rabbit?.end())

const sections = (queue: string, keys: string, ...more: readonly string[]) => [
  'consume: [mail]',
  ...more,
  'pipelines:',
  `  mail: { driver: amqp, config: { ${[`queue: ${queue}`, `routing_key: ${queue}`, keys].filter(Boolean).join(', ')} } }`,
]
const durable = 'durable: true, exchange: lasting, exchange_durable: true'
const section = (addr = rabbit.addr) => [`amqp: { addr: "${addr}" }`]

async function stop(server: QueueServer): Promise<void> {
  server.rr.child.kill('SIGTERM')
  assert.equal(await server.rr.ended, 0)
}

async function channelOf(t: TestContext) {
  const connection = await connect(rabbit.addr)
  t.after(() => connection.close().catch(() => undefined))
  return connection.createConfirmChannel()
}

const stateOf = async (server: QueueServer) => Object(await server.call('jobs.States')).pipelines[0]

test('a ledger of 200 jobs balances while workers, the server and RabbitMQ are killed', {
  skip,
}, async (t) => {
  for (const keys of [durable, `${durable}, queue_headers: { x-queue-type: quorum }`]) {
    const isClassic = keys === durable
    const queue = isClassic ? 'ledger' : 'ledger-quorum'
    const options = {
      jobs: sections(queue, keys, 'retry: { backoff: 10ms }'),
      workers: 3,
      sections: section(),
    }
    const first = await startQueues(t, options)
    const { folder } = first
    const ids = Array.from({ length: 200 }, (_, at) => `job-${at}`)
    const deeds = ['die', 'error', 'none', 'none', 'unreadable', 'none', 'none', 'none']
    await first.push(
      'mail',
      ...ids.map((id, at) => ({ id, body: { id, deed: deeds[at % deeds.length], times: 1, ms: 5 } })),
    )
    await eventually(() => first.lines('done').length > 20)
    // A quorum queue of one node that was killed does not always elect its leader again (RabbitMQ 3.10).
    if (isClassic) {
      await rabbit.kill()
      await first.rr.line(({ code }) => code === 'RR_QUEUE_UNREACHABLE')
      await rabbit.start()
      await first.rr.line(({ message }) => message === 'a pipeline reaches its queue again')
    }
    await eventually(() => new Set(first.lines('done')).size > 80)
    first.rr.child.kill('SIGKILL')
    await first.rr.ended
    const second = await startQueues(t, { ...options, folder })
    await eventually(() => new Set(second.lines('done')).size > 120)
    await stop(second)
    const third = await startQueues(t, { ...options, folder })
    await eventually(() => new Set(third.lines('done')).size === ids.length)
    await eventually(async () => {
      const { active, reserved } = await stateOf(third)
      return active === 0 && reserved === 0
    })
    assert.deepEqual([...new Set(third.lines('done'))].sort(), [...ids].sort())
    // Only what was in hand when RabbitMQ or the server was killed.
    const twice = third.lines('done').length - ids.length
    assert.ok(twice <= 20, `${twice} jobs were done twice`)
    await stop(third)
  }
})

test('refused credentials, a missing host and a missing queue are told once with what to do, and seen', {
  skip,
}, async (t) => {
  const cases: readonly [addr: string, keys: string, code: string, hint: RegExp][] = [
    [
      `amqp://guest:wrong-secret@127.0.0.1:${rabbit.port}/`,
      '',
      'RR_QUEUE_DENIED',
      /user and password of `amqp.addr`/,
    ],
    [`${rabbit.addr}nowhere`, '', 'RR_QUEUE_MISSING', /add_vhost/],
    [rabbit.addr, 'queue_declare: false', 'RR_QUEUE_MISSING', /queue_declare/],
    ['amqp://guest:wrong-secret@127.0.0.1:1/', '', 'RR_QUEUE_UNREACHABLE', /Start RabbitMQ/],
  ]
  for (const [addr, keys, code, hint] of cases) {
    const server = await startQueues(t, { jobs: sections('absent', keys), sections: section(addr) })
    const line = await server.rr.line(({ message }) => message.startsWith('a pipeline cannot reach'))
    assert.equal(line.code, code, JSON.stringify(line))
    assert.match(String(line.hint), hint)
    assert.equal((await stateOf(server)).state, 'unreachable')
    await assert.rejects(server.push('mail', { id: 'a' }), /cannot be reached/)
    await stop(server)
    const told = server.rr.lines().filter(({ message }) => message.startsWith('a pipeline cannot reach'))
    assert.equal(told.length, 1, 'it is told once')
    assert.doesNotMatch(server.rr.text(), /wrong-secret/)
  }
})

test('a queue that was made with other properties is told, and used as it is when it is not declared', {
  skip,
}, async (t) => {
  const channel = await channelOf(t)
  await channel.assertQueue('others', { durable: true })
  const first = await startQueues(t, { jobs: sections('others', ''), sections: section() })
  const line = await first.rr.line(({ code }) => code === 'RR_QUEUE_DENIED')
  assert.match(String(line.hint), /other properties/)
  await stop(first)
  const jobs = sections('others', 'queue_declare: false, exchange: ""')
  const second = await startQueues(t, { jobs, sections: section() })
  channel.sendToQueue('others', Buffer.from('{"id":"foreign"}'))
  await eventually(() => second.lines('done').length === 1)
  await stop(second)
})
