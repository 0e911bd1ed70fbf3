/** Tests of the PHP SDK beside those of all SDKs (`sdk.test.ts`); with FFI, by which it keeps descriptors to itself, and without. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { errorTextOf, job, startPool, type TestPool, textOf } from '../helpers/pool.js'
import { fixture, missing } from '../helpers/project.js'
import { eventually } from '../helpers/wait.js'

const skip = missing('php')
const file = fixture('sdk', 'many.php')
const flavours = [
  ['php', ['php', file]],
  ['php without FFI', ['php', '-d', 'ffi.enable=0', file]],
] as const

async function start(t: TestContext, command: readonly string[] = flavours[0][1]): Promise<TestPool> {
  const started = await startPool(t, command)
  await started.pool.whenIdle()
  return started
}

const contextOf = (reply: { readonly context: Uint8Array }) => Buffer.from(reply.context).toString()
const pidOf = async ({ pool }: TestPool) => (await pool.workers())[0]?.pid
const warnings = ({ log }: TestPool) => log.lines.filter(({ level }) => level === 'warn' || level === 'error')

/** Runs a job; resolves with its answer when another worker has taken its worker's place. */
async function runAndReplace(started: TestPool, body: string): Promise<string> {
  await started.pool.whenIdle()
  const before = await pidOf(started)
  const reply = await started.pool.run(job(body))
  await eventually(async () => ![undefined, before].includes(await pidOf(started)))
  return `${contextOf(reply)}${textOf(reply)}`
}

async function streamed(started: TestPool, body: string, stopAfter = Number.POSITIVE_INFINITY) {
  const stop = new AbortController()
  const pieces: string[] = []
  const onChunk = (chunk: { readonly context: Uint8Array; readonly body: Uint8Array }) => {
    pieces.push(`${contextOf(chunk)}${textOf(chunk)}`)
    if (pieces.length >= stopAfter) stop.abort()
  }
  const last = await started.pool.run(job(body), { onChunk, stopStream: stop.signal }).then(
    (reply) => `${contextOf(reply)}${textOf(reply)}`,
    (error: Error) => error.message,
  )
  return { pieces, last }
}

for (const [name, command] of flavours) {
  test(`${name}: a child program finds nothing on its standard input, and no job is eaten`, {
    skip,
  }, async (t) => {
    const { pool } = await start(t, command)
    assert.equal(textOf(await pool.run(job('shell cat; echo read'))), 'read\n')
    assert.equal(textOf(await pool.run(job('shell cat > /dev/null <&0 & echo started'))), 'started\n')
    assert.equal(textOf(await pool.run(job('next'))), 'next')
  })

  test(`${name}: whatever is printed, and however buffers are misused, answers stay whole`, {
    skip,
  }, async (t) => {
    const { pool, line } = await start(t, command)
    for (let round = 0; round < 2; round += 1)
      assert.equal(textOf(await pool.run(job('prints', `job-${round}`))), 'printed')
    for (const text of [
      /^echoed$/,
      /^to STDOUT$/,
      /^to php:\/\/stdout$/,
      /xafter ob_end_clean$/,
      /Undefined variable/,
    ])
      assert.equal((await line(text)).job, 'job-0', String(text))
    assert.equal((await line(/^left in a buffer$/)).job, 'job-0')
  })

  test(`${name}: a fatal error fails its own job with its text`, { skip }, async (t) => {
    const { pool } = await start(t, command)
    await assert.rejects(pool.run(job('fatal')), /exit code 255 .*Allowed memory size/)
    assert.equal(textOf(await pool.run(job('next'))), 'next')
  })
}

test('a child of a PHP worker inherits no descriptor of the relay', { skip }, async (t) => {
  const { pool } = await start(t)
  const list = textOf(await pool.run(job('shell readlink /proc/self/fd/*')))
  assert.doesNotMatch(list, /socket/)
  const overSocket = await startPool(t, flavours[0][1], { relay: 'unix://FOLDER/relay.sock' })
  assert.doesNotMatch(textOf(await overSocket.pool.run(job('shell readlink /proc/self/fd/*'))), /socket/)
})

test('PHP: an unknown class of the SDK’s namespace is none, and no file elsewhere is loaded', {
  skip,
}, async (t) => {
  const { pool } = await start(t)
  assert.equal(textOf(await pool.run(job('classes'))), '[false,false,false,true]')
})

test('PHP: the context tells of a record what its source calls it', { skip }, async (t) => {
  const { pool } = await start(t)
  const sqs = {
    messageId: 'm-1',
    receiptHandle: 'h',
    eventSourceARN: 'arn:aws:sqs:eu-west-1:1:orders.fifo',
    attributes: { MessageGroupId: 'g' },
  }
  const table = 'arn:aws:dynamodb:eu-west-1:1:table/Orders/stream/2020-01-01T00:00:00.000'
  for (const [context, seen] of [
    [{ kind: 'record', attempt: 3, record: sqs }, ['record', 3, 'm-1', 'h', 'orders.fifo', 'g']],
    [
      {
        kind: 'record',
        attempt: null,
        record: { eventSourceARN: 'arn:aws:kinesis:eu-west-1:1:stream/s', kinesis: { partitionKey: 'k' } },
      },
      ['record', null, null, null, 's', 'k'],
    ],
    [{ kind: 'record', record: { eventSourceARN: table } }, ['record', null, null, null, 'Orders', null]],
    [
      { kind: 'record', record: { topic: 't', eventSourceARN: 'arn:aws:kafka:r:1:cluster/c/u' } },
      ['record', null, null, null, 't', null],
    ],
    [{ kind: 'given_up', record: {} }, ['given_up', null, null, null, null, null]],
    [{ kind: 'records', record: null, records: [] }, ['records', null, null, null, null, null]],
    [{}, ['event', null, null, null, null, null]],
  ] as const) {
    const reply = await pool.run({ ...job('context'), context: JSON.stringify(context) })
    assert.deepEqual(JSON.parse(textOf(reply)), seen)
  }
})

test('PHP: the trace id is the running job’s own, and absent when it has none', { skip }, async (t) => {
  const { pool } = await start(t)
  const seen = async (context: object) =>
    JSON.parse(textOf(await pool.run({ ...job('trace'), context: JSON.stringify(context) })))
  assert.deepEqual(await seen({ traceId: 'Root=1-a' }), ['Root=1-a', 'Root=1-a', 'Root=1-a'])
  assert.deepEqual(await seen({ headers: { 'lambda-trace-id': ['Root=1-b'] } }), Array(3).fill('Root=1-b'))
  for (const none of [{ traceId: null }, { traceId: '' }, {}])
    assert.deepEqual(await seen(none), [false, null, null])
})

test('PHP: an error tells what it was caused by, five deep, and every error can be told', {
  skip,
}, async (t) => {
  const { pool } = await start(t)
  const failureOf = async (body: string) => {
    const error = await pool.run(job(body)).catch((fault: Error) => fault)
    assert.ok(error instanceof Error)
    return JSON.parse(errorTextOf(error))
  }
  const plain = await failureOf('causes 0')
  assert.deepEqual(
    [plain.errorType, plain.errorMessage, plain.cause],
    ['RuntimeException', 'bytes \ufffd', undefined],
  )
  let [cause, depth] = [(await failureOf('causes 9')).cause, 0]
  for (; cause !== undefined; cause = cause.cause) {
    depth += 1
    assert.ok(Array.isArray(cause.stackTrace) && cause.errorType === 'LogicException')
  }
  assert.equal(depth, 5)
  assert.equal((await failureOf('anonymous')).errorType, 'DomainException@anonymous')
  assert.equal((await failureOf('INF')).errorType, 'JsonException')
})

test('PHP: what JSON cannot hold fails its job with a message that names it', { skip }, async (t) => {
  const { pool } = await start(t)
  for (const [body, says] of [
    ['INF', 'JSON cannot hold the number INF'],
    ['resource', 'JSON cannot hold [items][1], a resource (stream)'],
    ['closed', 'JSON cannot hold a resource (closed)'],
    ['object', 'JSON cannot hold [sizes][1], the number NAN'],
    ['kept', 'JSON cannot hold [file], a resource (stream)'],
    ['recursion', 'Recursion detected'],
  ] as const)
    await assert.rejects(pool.run(job(body)), { message: `JsonException: ${says}` }, body)
  assert.equal(textOf(await pool.run(job('next'))), 'next')
})

test('PHP: a generator goes out piece by piece, its context with the first', { skip }, async (t) => {
  const started = await start(t)
  assert.deepEqual(await streamed(started, 'generator'), {
    pieces: ['{"status":200}one', '{"two":2}', ''],
    last: '',
  })
  assert.deepEqual(await streamed(started, 'nothing'), { pieces: [], last: '' })
  const { pieces, last } = await streamed(started, `file ${200_000}`)
  assert.deepEqual([pieces.join('').length, last], [200_000, ''])
  assert.equal((await started.pool.workers())[0]?.jobs, 3)
})

test('PHP: what a generator throws is told behind what was sent, or alone', { skip }, async (t) => {
  const started = await start(t)
  const broken = await streamed(started, 'breaks')
  assert.equal(broken.pieces.length, 3)
  assert.match(broken.last, /^RangeException: in mid-stream$/)
  const first = await streamed(started, 'breaks-first')
  assert.deepEqual(first.pieces, [])
  assert.match(first.last, /before the first/)
  assert.deepEqual(await streamed(started, 'verdict-first'), {
    pieces: [],
    last: '{"outcome":"retry","reason":"later"}',
  })
  assert.deepEqual(warnings(started), [])
})

test('PHP: a generator is ended at its yield when the reader has gone, and the worker goes on', {
  skip,
}, async (t) => {
  const started = await start(t)
  const before = await pidOf(started)
  for (const stopAfter of [1, 7]) {
    const { pieces, last } = await streamed(started, 'endless', stopAfter)
    assert.equal(last, '')
    assert.ok(pieces.length >= stopAfter)
  }
  await started.line(/the generator is over/)
  assert.equal(textOf(await started.pool.run(job('pid'))), String(before))
})

test('PHP: a reply or a verdict may leave', { skip }, async (t) => {
  const started = await start(t)
  assert.equal(await runAndReplace(started, 'leave'), '{"a":1,"leave":true}left')
  assert.match(await runAndReplace(started, 'leave retry'), /"outcome":"retry".*"leave":true/)
  assert.match(await runAndReplace(started, 'leave-throwing'), /"outcome":"fail".*"leave":true/)
  assert.deepEqual(warnings(started), [])
})

test('PHP: answerNow answers in the middle of a handler, once, and what comes later is ignored', {
  skip,
}, async (t) => {
  const started = await start(t)
  assert.equal(await runAndReplace(started, 'now signal'), '{"b":2,"leave":true}answered signal')
  await started.line(/told \[true,false\]/)
  assert.match(await runAndReplace(started, 'now retry'), /"outcome":"retry","reason":"spot","leave":true/)
  assert.equal(await runAndReplace(started, 'now-and-die'), '{"leave":true}bye')
  await started.pool.whenIdle()
  await assert.rejects(started.pool.run(job('now-error')), /DomainException: out of place$/)
  assert.equal(textOf(await started.pool.run(job('next'))), 'next')
  assert.deepEqual(warnings(started), [])
})

test('PHP: answerNow in mid-stream ends the stream behind its piece, and the worker leaves', {
  skip,
}, async (t) => {
  const started = await start(t)
  const before = await pidOf(started)
  const { pieces, last } = await streamed(started, 'now-streaming')
  assert.deepEqual([pieces[0], last], ['one', '{"leave":true}'])
  await started.line(/told false/)
  await eventually(async () => ![undefined, before].includes(await pidOf(started)))
  assert.deepEqual(warnings(started), [])
})

test('PHP: whenever a signal comes, the answer is one of the two, whole, and the next job is served', {
  skip,
}, async (t) => {
  const started = await start(t)
  const { pool } = started
  const answers = new Set<string>()
  for (let at = 0; at < 24; at += 1) {
    const text = textOf(await pool.run(job(`storm ${at * 250}`)))
    assert.ok(text === 'interrupted' || text === 'storm'.repeat(400_000), `${text.length} bytes`)
    answers.add(text.slice(0, 5))
    assert.equal(textOf(await pool.run(job(`next ${at}`))), `next ${at}`)
  }
  assert.deepEqual(warnings(started), [])
})
