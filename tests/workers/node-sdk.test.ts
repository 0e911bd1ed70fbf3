import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { errorTextOf, startPool, textOf } from '../helpers/pool.js'
import { fixture } from '../helpers/project.js'

const command = [process.execPath, fixture('sdk', 'tells.mjs')]

async function start(t: Parameters<typeof startPool>[0], relay = 'pipes') {
  const pool = await startPool(t, command, { relay, env: { _X_AMZN_TRACE_ID: '' } })
  const run = async (body: string, context: object = {}) => {
    const job = { context: JSON.stringify(context), body, codec: 0x04 } as const
    const { body: told } = await pool.pool.run(job)
    return JSON.parse(Buffer.from(told).toString() || 'null')
  }
  return { ...pool, run }
}

const records: readonly (readonly [record: object | null, expected: readonly unknown[]])[] = [
  [null, [null, null, null, null]],
  [
    {
      messageId: 'm',
      receiptHandle: 'h',
      attributes: { MessageGroupId: 'g' },
      eventSourceARN: 'arn:aws:sqs:eu-west-1:1:orders.fifo',
    },
    ['m', 'h', 'orders.fifo', 'g'],
  ],
  [
    { kinesis: { partitionKey: 'k' }, eventSourceARN: 'arn:aws:kinesis:eu-west-1:1:stream/clicks' },
    [null, null, 'clicks', 'k'],
  ],
  [
    { eventSourceARN: 'arn:aws:dynamodb:eu-west-1:1:table/Orders/stream/2024-01-01T00:00:00' },
    [null, null, 'Orders', null],
  ],
  [{ topic: 'clicks', partition: 0, offset: 1 }, [null, null, 'clicks', null]],
  [{ messageID: 'ID:1', destination: { physicalName: 'q' } }, ['ID:1', null, 'q', null]],
  [{ queue: 'q::/' }, [null, null, 'q::/', null]],
]

test('the context tells a record’s message, queue and group by one name for every source', async (t) => {
  const { run } = await start(t)
  for (const [record, expected] of records)
    assert.deepEqual(await run('names', { kind: 'record', record }), expected)
})

test('the trace id is the event’s own, and absent for an event without one', async (t) => {
  const { run } = await start(t)
  assert.equal(await run('trace', { traceId: 'Root=1-a' }), 'Root=1-a')
  assert.equal(await run('trace', { traceId: null }), null)
})

test('a number of a job never reaches the handler', async (t) => {
  const { run } = await start(t)
  assert.deepEqual(await run('values', { a: 1 }), { a: 1 })
})

test('an answer may be a worker’s last: a result, a reply or a verdict', async (t) => {
  const { pool, run } = await start(t)
  const pids = new Set<unknown>([await run('pid')])
  for (const way of ['reply', 'retry', 'fail']) {
    const reply = await pool.run({ context: '{}', body: `leave ${way}`, codec: 0x04 })
    assert.match(Buffer.from(reply.context).toString(), /"leave":true/)
    pids.add(await run('pid'))
  }
  assert.equal(pids.size, 4)
  assert.equal((await pool.workers()).length, 1)
})

test('an error keeps its causes, five deep', async (t) => {
  const { pool } = await start(t)
  await assert.rejects(pool.run({ context: '{}', body: 'causes', codec: 0x04 }), (error) => {
    const told = JSON.parse(errorTextOf(error))
    assert.deepEqual(
      [told.errorType, told.cause.errorType, told.cause.errorMessage],
      ['Error', 'TypeError', 'below'],
    )
    assert.equal(errorTextOf(error).match(/"cause"/g)?.length, 5)
    return true
  })
})

for (const relay of ['pipes', 'unix://FOLDER/relay.sock']) {
  test(`children never inherit the relay, however they are started (${relay})`, async (t) => {
    const { pool, run } = await start(t, relay)
    const ways: Record<string, unknown> = await run('children')
    assert.equal(Object.keys(ways).length, 14)
    for (const [way, read] of Object.entries(ways)) assert.equal(read, '', way)
    assert.equal(await run('left behind'), 'started')
    for (let round = 0; round < 3; round += 1) assert.equal(await run('next'), 'next')
    // What this test itself was started with reaches every child.
    const plain = execFileSync('sh', ['-c', 'ls /proc/$$/fd; :'], { encoding: 'utf8' })
    assert.deepEqual(await run('descriptors'), plain.trim().split('\n'))
    const answer = await pool.run({ context: '{}', body: 'prints', codec: 0x04 })
    assert.equal(textOf(answer), '"printed"')
  })
}

test('what a handler itself reads from standard input is empty', async (t) => {
  const { run } = await start(t)
  assert.equal(await run('reads'), '')
  assert.equal(await run('next'), 'next')
})
