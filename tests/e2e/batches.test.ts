import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { startBootstrap } from '../helpers/bootstrap.js'
import { failuresOf, invokeAt, lambdaConfig, sqsEvent, testFolder, workerText } from '../helpers/rr.js'
import { testApi } from '../helpers/runtime-api.js'

interface Setup {
  readonly count?: number
  readonly lambda?: string
  readonly timeoutMs?: number
}

async function start(t: TestContext, worker: string, { count = 2, lambda, timeoutMs }: Setup = {}) {
  const api = await testApi(t, timeoutMs === undefined ? {} : { timeoutMs })
  const config = lambdaConfig(worker, { more: '', count, ...(lambda === undefined ? {} : { lambda }) })
  const rr = await startBootstrap(t, api, { config })
  const invoke = (event: unknown) => {
    return invokeAt(api.invokeUrl, typeof event === 'string' ? event : JSON.stringify(event))
  }
  return { api, rr, invoke }
}

test('a deadline in a lane: finished records count, the rest of the group fails, its worker is replaced', async (t) => {
  const { rr, invoke } = await start(t, workerText('by-number'), { timeoutMs: 2000 })
  const bodies = ['0', '0', '600000', '0', '0', '0']
  const answer = await invoke(sqsEvent(bodies, ['a', 'b', 'a', 'b', 'a', 'b']))
  assert.deepEqual(failuresOf(answer), ['message-2', 'message-4'])
  const late = await rr.line((line) => line.job === `${answer.requestId}/message-2` && 'errorType' in line)
  assert.equal(late.errorType, 'RR.WorkerTimeout')
  // What it said before its time was up is in the error.
  assert.match(String(late.errorMessage), /its last lines: long 2/)
  await rr.line((line) => line.message === 'worker was killed')
  assert.equal(rr.lines().filter((line) => line.message === 'worker was killed').length, 1)
  assert.deepEqual(failuresOf(await invoke(sqsEvent(['0', '0']))), [])
})

test('the deadline in a batch of a standard queue: what runs and what was not begun fails, the rest counts', async (t) => {
  const { invoke } = await start(t, workerText('by-number'), { timeoutMs: 2000 })
  const answer = await invoke(sqsEvent(['0', '600000', '0', '600000', '0']))
  assert.deepEqual(failuresOf(answer), ['message-1', 'message-3', 'message-4'])
})

test('a worker’s death fails its record and those behind it in its group, and nothing else', async (t) => {
  const { rr, invoke } = await start(t, workerText('by-body'), { count: 2 })
  const bodies = ['ok', 'ok', 'die', 'ok', 'ok', 'ok']
  const answer = await invoke(sqsEvent(bodies, ['a', 'b', 'a', 'b', 'a', 'b']))
  assert.deepEqual(failuresOf(answer), ['message-2', 'message-4'])
  // Told once for all of them, under the one that failed.
  const held = await rr.line((line) => line.message === 'records were held back behind the failed one')
  assert.deepEqual([held.level, held.job, held.records], ['info', `${answer.requestId}/message-2`, 1])
})

/** Reads what the workers wrote to their journal, in order. */
async function journal(path: string): Promise<readonly (readonly [what: string, index: number])[]> {
  const lines = (await readFile(path, 'utf8')).trimEnd().split('\n')
  return lines.map((line) => {
    const [what = '', name = ''] = line.split(' ')
    return [what, Number(name.replace('message-', ''))]
  })
}

const many = 10_000

test('10,000 records of 300 groups over four workers keep the order of every group, also after failures', async (t) => {
  const path = join(await testFolder(t), 'journal')
  const { invoke } = await start(t, workerText('writes-down', path), { count: 4 })
  const groupOf = (index: number) => `g${(index * 7) % 300}`
  const isBad = (index: number) => index % 997 === 500
  const indexes = Array.from({ length: many }, (_, index) => index)
  const bodies = indexes.map((index) => (isBad(index) ? 'bad' : 'ok'))
  const answer = await invoke(sqsEvent(bodies, indexes.map(groupOf)))
  const broken = new Set<string>()
  const failed: string[] = []
  const ran: number[] = []
  for (const index of indexes) {
    const group = groupOf(index)
    if (!broken.has(group)) ran.push(index)
    if (isBad(index)) broken.add(group)
    if (broken.has(group)) failed.push(`message-${index}`)
  }
  assert.ok(failed.length > 50)
  assert.deepEqual(failuresOf(answer), failed)
  const running = new Map<string, number>()
  const begun = new Map<string, number>()
  const seen: number[] = []
  for (const [what, index] of await journal(path)) {
    const group = groupOf(index)
    if (what === 'end') {
      assert.equal(running.get(group), index)
      running.delete(group)
      continue
    }
    assert.ok(!running.has(group), `${index} began while ${running.get(group)} of ${group} ran`)
    assert.ok((begun.get(group) ?? -1) < index, `${index} began after ${begun.get(group)} of ${group}`)
    running.set(group, index)
    begun.set(group, index)
    seen.push(index)
  }
  assert.deepEqual(
    seen.sort((a, b) => a - b),
    ran,
  )
})

test('10,000 records of a standard queue are each run once, and exactly the failed ones are named', async (t) => {
  const path = join(await testFolder(t), 'journal')
  const { invoke } = await start(t, workerText('writes-down', path), { count: 4 })
  const bodies = Array.from({ length: many }, (_, index) => (index % 1000 === 7 ? 'bad' : 'ok'))
  const answer = await invoke(sqsEvent(bodies))
  assert.deepEqual(
    failuresOf(answer),
    bodies.flatMap((body, index) => (body === 'bad' ? [`message-${index}`] : [])),
  )
  const begun = (await journal(path)).filter(([what]) => what === 'begin').map(([, index]) => index)
  assert.equal(begun.length, many)
  assert.equal(new Set(begun).size, many)
})

test('small batches: a job holds a few records of one group, and the worker names the failed ones', async (t) => {
  const { rr, invoke } = await start(t, workerText('small-batches'), {
    count: 1,
    lambda: 'records_per_job: 2',
  })
  const bodies = ['ok', 'bad', 'ok', 'ok', 'ok', 'ok', 'ok', 'ok']
  const groups = ['a', 'a', 'a', 'a', 'b', 'b', 'b', 'c']
  const answer = await invoke(sqsEvent(bodies, groups))
  assert.deepEqual(failuresOf(answer), ['message-1', 'message-2', 'message-3'])
  await rr.line((line) => line.message === 'got' && String(line.ids).includes('message-6'))
  const got = rr.lines().filter((line) => line.message === 'got')
  assert.deepEqual(
    got.map(({ kind, ids }) => [kind, ids]).sort((a, b) => (String(a) < String(b) ? -1 : 1)),
    [
      ['records', ['message-0', 'message-1']],
      ['records', ['message-4', 'message-5']],
      // A batch of one is a small batch like the others.
      ['records', ['message-6']],
      ['records', ['message-7']],
    ],
  )
  // The context holds the records without what became the body.
  for (const line of got) assert.deepEqual(line.rest, line.ids)
})

test('small batches: records behind a failed one come again although they were done, to keep the order', async (t) => {
  const { invoke } = await start(t, workerText('small-batches'), { lambda: 'records_per_job: 3' })
  const answer = await invoke(sqsEvent(['ok', 'bad', 'ok', 'ok'], ['a', 'a', 'a', 'a']))
  assert.deepEqual(failuresOf(answer), ['message-1', 'message-2', 'message-3'])
  // Records of a standard queue do not wait for each other.
  assert.deepEqual(failuresOf(await invoke(sqsEvent(['ok', 'bad', 'ok', 'ok']))), ['message-1'])
})

test('small batches: a list that names a stranger fails the records of that job, and no other', async (t) => {
  const { rr, invoke } = await start(t, workerText('small-batches'), { lambda: 'records_per_job: 2' })
  assert.deepEqual(failuresOf(await invoke(sqsEvent(['ok', 'junk', 'ok', 'ok']))), ['message-0', 'message-1'])
  const line = await rr.line(({ errorType }) => errorType === 'RR.BadReply')
  assert.match(String(line.errorMessage), /"nobody" as failed, which is not a record of the batch/)
})

test('a group on a standard queue (fair queue) means no order: what is behind a failed record is run', async (t) => {
  const { invoke } = await start(t, workerText('by-body'))
  const event = sqsEvent(['error', 'ok', 'ok'], ['g', 'g', 'g'])
  for (const record of event.Records) record.eventSourceARN = 'arn:aws:sqs:us-east-1:1:standard'
  assert.deepEqual(failuresOf(await invoke(event)), ['message-0'])
})

const base64 = (text: string) => Buffer.from(text).toString('base64')
const kafkaEvent = (bodies: Readonly<Record<string, readonly string[]>>) => ({
  eventSource: 'aws:kafka',
  records: Object.fromEntries(
    Object.entries(bodies).map(([name, list]) => [
      name,
      list.map((body, at) => ({
        topic: 't',
        partition: 0,
        offset: 40 + at,
        value: base64(body),
        headers: [],
      })),
    ]),
  ),
})

for (const key of ['partition', 'topic-partition']) {
  test(`Kafka: each partition stops at its first failure, which is named by ${key}`, async (t) => {
    const { invoke } = await start(t, workerText('by-body'), { lambda: `kafka_identifier: ${key}` })
    const answer = await invoke(kafkaEvent({ 't-0': ['ok', 'error', 'ok'], 't-1': ['ok', 'ok'] }))
    assert.deepEqual(JSON.parse(answer.body), {
      batchItemFailures: [
        { itemIdentifier: { [key]: 't-0', offset: 41 } },
        { itemIdentifier: { [key]: 't-0', offset: 42 } },
      ],
    })
  })
}

const rabbit = (bodies: readonly string[]) => ({
  eventSource: 'aws:rmq',
  rmqMessagesByQueue: {
    'q::/': bodies.map((body) => ({ basicProperties: {}, redelivered: false, data: base64(body) })),
  },
})
const active = (bodies: readonly string[]) => ({
  eventSource: 'aws:mq',
  messages: bodies.map((body, at) => ({ messageID: `id-${at}`, data: base64(body) })),
})

test('Amazon MQ: split, a failed message fails the invocation, as that source knows no partial failures', async (t) => {
  const { invoke } = await start(t, workerText('by-body'), { lambda: 'amazon_mq: split' })
  for (const eventOf of [rabbit, active]) {
    assert.equal((await invoke(eventOf(['ok', 'ok']))).body, '{"batchItemFailures":[]}')
    const failed = await invoke(eventOf(['ok', 'error']))
    assert.equal(JSON.parse(failed.body).errorType, 'RR.JobFailed')
  }
})

const whole: readonly (readonly [what: string, event: object])[] = [
  [
    'SNS',
    { Records: [{ EventSource: 'aws:sns', EventVersion: '1.0', Sns: { Message: 'ä', Subject: null } }] },
  ],
  ['S3', { Records: [{ eventSource: 'aws:s3', s3: { object: { key: 'a+b%C3%A4', size: 1 } } }] }],
  ['EventBridge', { version: '0', 'detail-type': 'x', source: 'my.app', detail: { eventSource: 'aws:sqs' } }],
  ['SES', { Records: [{ eventSource: 'aws:ses', ses: { mail: { messageId: 'm' } } }] }],
  ['Cognito', { triggerSource: 'PreSignUp_SignUp', request: { userAttributes: {} }, response: {} }],
  ['CloudWatch Logs', { awslogs: { data: 'H4sIAAAA' } }],
  ['Firehose', { invocationId: 'i', deliveryStreamArn: 'arn', records: [{ recordId: '1', data: 'aGk=' }] }],
  ['S3 batch', { invocationSchemaVersion: '1.0', tasks: [{ taskId: 't', s3Key: 'k' }] }],
  [
    'durable functions',
    {
      DurableExecutionArn: 'arn',
      CheckpointToken: 'c',
      InitialExecutionState: { Operations: [], NextMarker: '' },
    },
  ],
  ['RabbitMQ', rabbit(['ok', 'error'])],
  ['ActiveMQ', active(['ok', 'error'])],
  [
    'a tumbling window',
    { ...sqsEvent(['ok']), window: { start: 'a', end: 'b' }, state: { '1': 282 }, shardId: 's' },
  ],
]
test('whatever is not a batch of a source that takes names is one job, byte for byte', async (t) => {
  const { invoke } = await start(t, workerText('echo'))
  for (const [what, event] of whole) {
    // As no serializer of ours would write it.
    const text = ` ${JSON.stringify(event, undefined, 3).replace('ä', '\\u00e4')}\n`
    assert.equal((await invoke(text)).body, text, what)
  }
})

test('another try that the worker wants later is told in the log, for an event and for a record', async (t) => {
  const { rr, invoke } = await start(t, workerText('by-body'))
  assert.equal(JSON.parse((await invoke('retry')).body).errorType, 'RR.Retry')
  assert.deepEqual(failuresOf(await invoke(sqsEvent(['ok', 'retry']))), ['message-1'])
  for (const message of ['an event failed', 'a record failed and will be delivered again']) {
    const line = await rr.line((one) => one.message === message)
    assert.deepEqual([line.afterMs, line.errorMessage], [500, 'later'])
  }
})

for (const [policy, failed, level] of [
  ['redrive', ['message-0'], 'warn'],
  ['log', [], 'error'],
] as const) {
  test(`failed: ${policy} says what becomes of a record that was given up, in one line`, async (t) => {
    const { rr, invoke } = await start(t, workerText('gives-up'), { lambda: `failed: ${policy}` })
    const answer = await invoke(sqsEvent(['the body']))
    assert.deepEqual(failuresOf(answer), failed)
    const line = await rr.line(({ job }) => job === `${answer.requestId}/message-0`)
    assert.equal(line.level, level)
    assert.equal(rr.text().includes('the body'), policy === 'log')
  })
}

test('failed: log writes a record of bytes down as it came: its source forgets it', async (t) => {
  const { rr, invoke } = await start(t, workerText('gives-up'), { lambda: 'failed: log' })
  const data = Buffer.from([0xff, 0x00, 0xfe, 0x80]).toString('base64')
  const record = { eventSource: 'aws:kinesis', kinesis: { sequenceNumber: '7', partitionKey: 'p', data } }
  const answer = await invoke({ Records: [record] })
  assert.deepEqual(failuresOf(answer), [])
  const line = await rr.line(({ job }) => job === `${answer.requestId}/7`)
  assert.deepEqual(line.record, record)
})

test('a record that overruns exec_ttl costs its own worker and fails alone, long before the deadline', async (t) => {
  const api = await testApi(t)
  const config = lambdaConfig(workerText('by-number'), { more: '' }).replace(
    'num_workers: 2',
    'num_workers: 2, supervisor: { exec_ttl: 300ms }',
  )
  const rr = await startBootstrap(t, api, { config })
  const answer = await invokeAt(api.invokeUrl, JSON.stringify(sqsEvent(['0', '600000', '0', '0'])))
  assert.deepEqual(failuresOf(answer), ['message-1'])
  const line = await rr.line(({ errorType }) => errorType === 'RR.WorkerTimeout')
  assert.match(String(line.errorMessage), /exec_ttl was 300 ms/)
})

test('a redelivered record carries the same message id, and how often it came', async (t) => {
  const { invoke, rr } = await start(t, workerText('tells-context'), { count: 1 })
  const event = sqsEvent(['x'])
  const first = await invoke(event)
  for (const record of event.Records) record.attributes.ApproximateReceiveCount = '3'
  const second = await invoke(event)
  const told = await Promise.all(
    [first, second].map(({ requestId }) =>
      rr.line((line) => line.message === 'told' && line.requestId === requestId),
    ),
  )
  assert.deepEqual(
    told.map(({ context }) => {
      const { attempt, record } = context as { attempt: number; record: { messageId: string } }
      return [attempt, record.messageId]
    }),
    [
      [2, 'message-0'],
      [3, 'message-0'],
    ],
  )
})
