import assert from 'node:assert/strict'
import { test } from 'node:test'
import { job, startPool, textOf } from '../helpers/pool.js'
import { fixture, missing, projectFolder } from '../helpers/project.js'

const skip = missing('python3')
const env = { PYTHONPATH: `${projectFolder}/workers/python/src`, LAMBDA_TASK_ROOT: fixture('python') }
const does = (what: string) => ({ ...job(JSON.stringify({ do: what })), context: '{"kind":"event"}' })

const ends: readonly (readonly [what: string, told: RegExp])[] = [
  ['exit-3', /ended with exit code 3/],
  ['exit-none', /ended with exit code 0/],
  ['exit-text', /ended with exit code 1.*the disk is full/],
  ['keyboard', /^KeyboardInterrupt$/],
  ['generator-exit', /^GeneratorExit$/],
  ['own', /^Own: mine$/],
  ['cancelled', /^CancelledError: gone$/],
]

test('what is no Exception fails its own job alone and ends the Python worker, as on AWS', {
  skip,
}, async (t) => {
  const { pool } = await startPool(t, ['python3', '-m', 'relayrunner', 'raises.handler'], { env })
  for (const [what, told] of ends) {
    const before = await pool.whenIdle().then(() => pool.workers())
    // The second is handed out as soon as a worker is free: never to the one that ends.
    const [failed, next] = await Promise.allSettled([
      pool.run(does(what)),
      pool.run({ ...job('{"return":"text"}'), context: '{"kind":"event"}' }),
    ])
    assert.equal(failed.status, 'rejected', what)
    assert.match(String(failed.status === 'rejected' && failed.reason.message), told, what)
    assert.equal(next.status === 'fulfilled' && textOf(next.value), '"ok"', what)
    const after = await pool.workers()
    assert.notEqual(after[0]?.pid, before[0]?.pid, what)
  }
})

const leaves = `
from relayrunner import fail, reply, retry, serve

def handle(body, context):
    if body == b"reply":
        return reply("last", {"outcome": "done"}).then_leave()
    if body == b"plain":
        return reply("last").then_leave()
    if body == b"retry":
        raise retry("later", 7).then_leave()
    if body == b"fail":
        return fail("never").then_leave()
    return body

serve(handle)
`

test('a Python handler answers and leaves: its job is settled, and the worker is replaced', {
  skip,
}, async (t) => {
  const { pool } = await startPool(t, ['python3', '-c', leaves], { env })
  const answers = {
    reply: ['last', { outcome: 'done', leave: true }],
    plain: ['last', { leave: true }],
    retry: ['', { outcome: 'retry', reason: 'later', after_ms: 7, leave: true }],
    fail: ['', { outcome: 'fail', reason: 'never', leave: true }],
  }
  for (const [body, [text, context]] of Object.entries(answers)) {
    await pool.whenIdle()
    const [before] = await pool.workers()
    const [answer, next] = await Promise.all([pool.run(job(body)), pool.run(job('next'))])
    assert.equal(textOf(answer), text, body)
    assert.deepEqual(JSON.parse(Buffer.from(answer.context).toString()), context, body)
    assert.equal(textOf(next), 'next')
    assert.notEqual((await pool.workers())[0]?.pid, before?.pid, body)
  }
})

const accessors = `
import json
from relayrunner import serve
NAMES = ["attempt", "messageId", "receiptHandle", "queue", "group"]
SNAKE = ["attempt", "message_id", "receipt_handle", "queue", "group"]
serve(lambda body, context: json.dumps([
    [getattr(context, name) for name in NAMES], [getattr(context, name) for name in SNAKE],
    context.kind, context.remainingMs() == context.remaining_ms(), context.aws_request_id, context.awsRequestId, context.tenant_id,
]))
`

test('a Python context names its message alike in all languages, and all else as it came or in snake case', {
  skip,
}, async (t) => {
  const { pool } = await startPool(t, ['python3', '-c', accessors], { env })
  const arn = 'arn:aws:sqs:eu-west-1:1:orders.fifo'
  const sqs = { messageId: 'm', receiptHandle: 'h', eventSourceARN: arn, attributes: { MessageGroupId: 'g' } }
  const table = { eventSourceARN: 'arn:aws:dynamodb:eu-west-1:1:table/carts/stream/2026' }
  for (const [context, names] of [
    [{ kind: 'record', attempt: 2, record: sqs }, [2, 'm', 'h', 'orders.fifo', 'g']],
    [{ kind: 'record', record: { topic: 't', partition: 0 } }, [null, null, null, 't', null]],
    [
      { kind: 'record', record: { kinesis: { partitionKey: 'k' }, eventSourceARN: 'arn:x:stream/s' } },
      [null, null, null, 's', 'k'],
    ],
    [{ kind: 'record', record: table }, [null, null, null, 'carts', null]],
    [{ kind: 'event', record: null }, [null, null, null, null, null]],
    [{ kind: 'record', record: { attributes: 'odd' } }, [null, null, null, null, null]],
  ] as const) {
    const answer = textOf(
      await pool.run({ ...job(''), context: JSON.stringify({ ...context, awsRequestId: 'r' }) }),
    )
    assert.deepEqual(JSON.parse(answer), [names, names, context.kind, true, 'r', 'r', null])
  }
})
