import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { type TestContext, test } from 'node:test'
import { type WorkerRow, Workers } from '../../src/supervisor/rpc/own.js'
import { isAlive } from '../helpers/pool.js'
import {
  failuresOf,
  invoke,
  type LogLine,
  lambdaConfig,
  type RunningRr,
  sqsEvent,
  started,
  startRr,
  workerText,
} from '../helpers/rr.js'
import { eventually } from '../helpers/wait.js'

const echo = workerText('echo')

function serve(t: TestContext, config: string, env = {}): Promise<RunningRr> {
  return startRr(t, ['serve'], { config, env })
}

test('an event is passed on as it is, and so is the answer', async (t) => {
  const rr = await serve(t, lambdaConfig(echo))
  for (const event of ['{"a": [1, 2.50]}', '42', '"text"', 'null', 'no JSON at all']) {
    assert.equal((await invoke(rr, event)).body, event)
  }
})

test('an empty event is a job with an empty body, and its empty answer is null', async (t) => {
  const rr = await serve(t, lambdaConfig(echo))
  assert.equal((await invoke(rr, '')).body, 'null')
})

test('an event of 6 MB comes through, and an answer over the limit is refused with both numbers', async (t) => {
  const rr = await serve(t, lambdaConfig(workerText('twice')))
  const event = JSON.stringify('x'.repeat(3_000_000))
  assert.equal((await invoke(rr, event)).body.length, 2 * event.length)
  const answer = await invoke(rr, JSON.stringify('x'.repeat(4_000_000)))
  assert.equal(JSON.parse(answer.body).errorType, 'RR.PayloadTooLarge')
  assert.match(answer.body, /8000004.*6291556/)
})

test('a batch is split, and exactly the records that failed are named', async (t) => {
  const rr = await serve(t, lambdaConfig(workerText('by-body'), { count: 3 }))
  const bodies = ['ok', 'error', 'ok', 'die', 'ok', 'junk', 'ok', 'no-option', 'ok']
  const answer = await invoke(rr, sqsEvent(bodies))
  assert.deepEqual(failuresOf(answer), ['message-1', 'message-3', 'message-5', 'message-7'])
})

test('what a worker is sent for a record is the body byte for byte and the context of the contract', async (t) => {
  const rr = await serve(t, lambdaConfig(workerText('tells-context')))
  const answer = await invoke(rr, { a: 1 })
  const context = JSON.parse(answer.body)
  assert.deepEqual(Object.keys(context).sort(), contextKeys)
  assert.equal(context.kind, 'event')
  assert.equal(context.record, null)
  assert.equal(context.awsRequestId, answer.requestId)
  await invoke(rr, sqsEvent(['päyload \u{1f600}']))
  const contextOf = (line: LogLine) => Object(line.context)
  const line = await rr.line((one) => one.message === 'told' && contextOf(one).kind === 'record')
  const told = contextOf(line)
  assert.deepEqual(Object.keys(told).sort(), contextKeys)
  assert.deepEqual([told.kind, told.source, told.attempt], ['record', 'aws:sqs', 2])
  assert.equal(line.body, Buffer.from('päyload \u{1f600}').toString('hex'))
  assert.equal(told.record.messageId, 'message-0')
  assert.ok(!('body' in told.record))
})

const contextKeys = [
  'attempt',
  'awsRequestId',
  'clientContext',
  'deadlineMs',
  'functionName',
  'functionVersion',
  'identity',
  'invokedFunctionArn',
  'kind',
  'memoryLimitInMB',
  'record',
  'source',
  'tenantId',
  'traceId',
]

test('SIGTERM lets the running event end, answers it, and exits 0 with no worker left', async (t) => {
  const rr = await serve(t, lambdaConfig(workerText('late')))
  await started(rr)
  const answer = invoke(rr, '700')
  await rr.line((line) => line.message === 'server started')
  const pids = await workerPids(rr)
  await eventually(async () => (await busyCount(rr)) > 0)
  rr.child.kill('SIGTERM')
  assert.equal((await answer).body, 'late')
  assert.equal(await rr.ended, 0)
  assert.deepEqual(pids.filter(isAlive), [])
})

test('a second signal kills at once and exits 1', async (t) => {
  const rr = await serve(t, lambdaConfig(workerText('late')))
  await started(rr)
  const pids = await workerPids(rr)
  invoke(rr, '600000').catch(() => undefined)
  await eventually(async () => (await busyCount(rr)) > 0)
  rr.child.kill('SIGTERM')
  await rr.line((line) => line.message === 'stopping')
  rr.child.kill('SIGTERM')
  assert.equal(await rr.ended, 1)
  await eventually(() => pids.every((pid) => !isAlive(pid)))
})

test('a signal while workers boot exits 0 and leaves none', async (t) => {
  const rr = await serve(t, lambdaConfig(workerText('silent-pid')))
  const line = await rr.line((one) => one.logger === 'worker')
  rr.child.kill('SIGINT')
  assert.equal(await rr.ended, 0)
  assert.ok(!isAlive(Number(line.pid)))
})

test('when no worker can boot the server exits 1 and says what the workers said', async (t) => {
  const rr = await serve(t, lambdaConfig(workerText('fails-boot')))
  assert.equal(await rr.ended, 1)
  assert.match(rr.text(), /no worker could boot.*cannot reach the database/)
})

test('without an emulator and without the variable there is nothing to pull from: 78', async (t) => {
  const rr = await startRr(t, ['serve'], {
    config: lambdaConfig(echo, { more: '' }),
    env: { AWS_LAMBDA_RUNTIME_API: undefined },
  })
  assert.equal(await rr.ended, 78)
  assert.match(rr.text(), /nothing to pull from/)
})

test('a second server with the same file exits 1 and the first goes on', async (t) => {
  const first = await serve(t, lambdaConfig(echo))
  await started(first)
  const second = await startRr(t, ['serve', '-o', 'emulator.address=127.0.0.1:0'], { folder: first.folder })
  assert.equal(await second.ended, 1)
  assert.match(second.text(), /RR_ALREADY_RUNNING/)
  assert.equal((await invoke(first, '1')).body, '1')
})

test('a port in use names the key to change', async (t) => {
  const other = createServer().listen(0, '127.0.0.1')
  t.after(() => other.close())
  await once(other, 'listening')
  const address = other.address()
  assert.ok(typeof address === 'object' && address !== null)
  const rr = await serve(
    t,
    lambdaConfig(echo, { more: `emulator: { address: "127.0.0.1:${address.port}" }` }),
  )
  assert.equal(await rr.ended, 1)
  assert.match(rr.text(), /emulator\.address/)
})

test('a socket of a server that was killed does not hinder the next one', async (t) => {
  const first = await serve(t, lambdaConfig(echo))
  await started(first)
  first.child.kill('SIGKILL')
  await first.ended
  const second = await startRr(t, ['serve'], { folder: first.folder })
  assert.equal((await invoke(second, '2')).body, '2')
})

test('a FIFO group that fails stops there, others go on, and no two of a group run at once', async (t) => {
  const rr = await serve(t, lambdaConfig(workerText('by-body'), { count: 4 }))
  const bodies = ['ok', 'ok', 'error', 'ok', 'ok', 'ok']
  const answer = await invoke(rr, sqsEvent(bodies, ['a', 'b', 'a', 'b', 'a', 'c']))
  assert.deepEqual(failuresOf(answer), ['message-2', 'message-4'])
})

test('with fifo: strict nothing runs after the first failure', async (t) => {
  const rr = await serve(t, lambdaConfig(workerText('by-body'), { count: 4, lambda: 'fifo: strict' }))
  const answer = await invoke(rr, sqsEvent(['ok', 'error', 'ok', 'ok'], ['a', 'b', 'a', 'c']))
  assert.deepEqual(failuresOf(answer), ['message-1', 'message-2', 'message-3'])
})

test('with partial_failures: off a failed record fails the invocation', async (t) => {
  const rr = await serve(t, lambdaConfig(workerText('by-body'), { lambda: 'partial_failures: off' }))
  const answer = await invoke(rr, sqsEvent(['ok', 'error']))
  assert.equal(answer.error, 'Unhandled')
  assert.equal(JSON.parse(answer.body).errorType, 'RR.JobFailed')
  assert.equal((await invoke(rr, sqsEvent(['ok', 'ok']))).body, '{"batchItemFailures":[]}')
})

test('mode: event never splits', async (t) => {
  const rr = await serve(t, lambdaConfig(echo, { lambda: 'mode: event' }))
  const event = JSON.stringify(sqsEvent(['a', 'b']))
  assert.equal((await invoke(rr, event)).body, event)
})

const errors: readonly [body: string, type: string, header: RegExp][] = [
  ['error', 'RR.JobFailed', /told to fail/],
  ['own-error', 'App.Broken', /mine/],
  ['retry', 'RR.Retry', /later/],
  ['fail', 'RR.Failed', /never/],
  ['die', 'RR.WorkerCrashed', /exit code 7/],
  ['junk', 'RR.BadReply', /not a frame/],
  ['no-option', 'RR.BadReply', /0 options/],
  ['unknown-outcome', 'RR.BadReply', /outcome/],
]
test('an event that fails is answered with the error of the contract', async (t) => {
  const rr = await serve(t, lambdaConfig(workerText('by-body')))
  for (const [body, type, says] of errors) {
    const answer = await invoke(rr, body)
    assert.equal(answer.error, 'Unhandled', body)
    const error = JSON.parse(answer.body)
    assert.equal(error.errorType, type, answer.body)
    assert.match(error.errorMessage, says)
    assert.ok(Array.isArray(error.stackTrace))
  }
})

test('at the deadline the event is answered by us and the worker is replaced', async (t) => {
  const rr = await serve(
    t,
    lambdaConfig(workerText('late'), { count: 1, more: 'emulator: { address: "127.0.0.1:0", timeout: 2s }' }),
  )
  const answer = await invoke(rr, '600000')
  assert.equal(JSON.parse(answer.body).errorType, 'RR.WorkerTimeout')
  assert.equal((await invoke(rr, '0')).body, 'late')
})

async function workerPids(rr: RunningRr): Promise<number[]> {
  return (await workers(rr)).map((worker) => worker.pid)
}

async function busyCount(rr: RunningRr): Promise<number> {
  return (await workers(rr)).filter((worker) => worker.state === 'busy').length
}

async function workers(rr: RunningRr): Promise<readonly WorkerRow[]> {
  const { connectRpc } = await import('../../src/ipc/rpc/client.js')
  const client = await connectRpc(String((await started(rr)).control))
  try {
    return await client.call(Workers)
  } finally {
    client.close()
  }
}
