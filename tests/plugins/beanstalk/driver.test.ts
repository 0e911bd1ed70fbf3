import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { after, before, type TestContext, test } from 'node:test'
import { systemClock } from '../../../src/core/clock.js'
import { beanstalkDriver } from '../../../src/plugins/beanstalk/driver.js'
import { jobsProtocol } from '../../../src/work/protocols/jobs.js'
import type { NewJob, Source } from '../../../src/work/source.js'
import { type BeanstalkServer, noBeanstalk, startBeanstalk } from '../../helpers/beanstalk-server.js'
import { newJob } from '../../helpers/queue-source.js'

const skip = noBeanstalk
const never = new AbortController().signal
const done = { kind: 'done', body: new Uint8Array() } as const
let server: BeanstalkServer
let tubeCount = 0

before(async () => {
  if (skip === false) server = await startBeanstalk()
})
after(() => server?.end())

const keysOf = (more: object = {}) => ({
  tube: `own-${++tubeCount}`,
  tube_priority: 1,
  priority: 10,
  prefetch: 100,
  reserve_timeout: 5000,
  ttr: 60_000,
  ...more,
})

async function open(t: TestContext, keys: object, address = server.address): Promise<Source> {
  const driver = beanstalkDriver({ address, timeoutMs: 5000, clock: systemClock })
  const source = await driver.open({ name: 'mail', config: keys })
  t.after(() => source.close())
  return source
}

const push = (source: Source, ...jobs: readonly Partial<NewJob>[]) => source.push?.(jobs.map(newJob))

test('what failed for good is buried, counted, listed with its reason, and kicked by a redrive', {
  skip,
}, async (t) => {
  const keys = keysOf()
  const source = await open(t, keys)
  await push(source, { id: 'a', name: 'app.job', body: 'a' }, { id: 'b', name: 'app.other', body: 'b' })
  const deliveries = await source.pull(2, never)
  assert.equal(deliveries.length, 2)
  for (const delivery of deliveries) await source.failed?.keep({ delivery, why: 'no good', attempt: 1 })
  const kept = (await source.failed?.list(10)) ?? []
  assert.deepEqual(
    kept.map(({ name, why }) => [name, why]),
    [
      ['app.job', 'no good'],
      ['app.other', 'no good'],
    ],
  )
  // Another server knows their number and the first of them.
  const other = await open(t, keys)
  assert.equal(await other.failed?.count(), 2)
  const [first] = (await other.failed?.list(10)) ?? []
  assert.deepEqual([first?.id, first?.name, first?.attempt], [kept[0]?.id, 'app.job', undefined])
  assert.equal(await source.failed?.redrive([kept[1]?.id ?? '', 'no id']), 1)
  assert.equal(await source.failed?.redrive(), 1)
  const again = await source.pull(2, never)
  assert.deepEqual(
    again.map(({ body, attempt }) => [String(body), attempt]),
    [
      ['a', 1],
      ['b', 1],
    ],
  )
  assert.equal(await source.failed?.count(), 0)
})

test('a job that is too large is refused with its size and what to do', { skip }, async (t) => {
  const source = await open(t, keysOf())
  await assert.rejects(async () => push(source, { body: Buffer.alloc(70_000) }), {
    code: 'RR_QUEUE_REFUSED',
    message: /too large: the job has 70\d\d\d bytes/,
    hint: /-z BYTES/,
  })
  await push(source, { body: 'small' })
  assert.equal((await source.pull(1, never)).length, 1)
})

test('jobs of other programs reach workers as they are, also with line ends in them', { skip }, async (t) => {
  const keys = keysOf()
  const source = await open(t, keys)
  const socket = connect(Number(server.address.split(':').at(-1)), '127.0.0.1')
  t.after(() => socket.destroy())
  const body = 'relayrunner/1 not json\r\nRESERVED 1 2\r\n'
  socket.write(`use ${keys.tube}\r\nput 5 0 30 ${body.length}\r\n${body}\r\n`)
  await once(socket, 'data')
  const [delivery] = await source.pull(1, never)
  assert.ok(delivery !== undefined)
  const context = JSON.parse(String(jobsProtocol('mail').toJob([delivery]).context))
  const { job, driver, queue } = context
  assert.deepEqual(
    [String(delivery.body), job, driver, queue],
    [body, 'deduced_by_rr', 'beanstalk', keys.tube],
  )
  assert.deepEqual(await source.settle([{ delivery, verdict: done }]), [undefined])
})

test('jobs that run do not keep a server from waiting for the next one', { skip }, async (t) => {
  const source = await open(t, keysOf())
  for (const body of ['a', 'b', 'c']) {
    const pulled = source.pull(1, never)
    await push(source, { body })
    assert.deepEqual(
      (await pulled).map((one) => String(one.body)),
      [body],
    )
  }
  assert.deepEqual(await source.counts?.(), { active: 0, delayed: 0, reserved: 3 })
  assert.match(source.queue ?? '', /^own-/)
})

test('a beanstalkd that is down is told with its address, and a broken connection has lost its jobs', {
  skip,
}, async (t) => {
  await assert.rejects(open(t, keysOf(), 'tcp://127.0.0.1:1'), {
    code: 'RR_QUEUE_UNREACHABLE',
    message: /tcp:\/\/127\.0\.0\.1:1 cannot be reached/,
  })
  const own = await startBeanstalk()
  t.after(() => own.end())
  const source = await open(t, keysOf(), own.address)
  await push(source, { id: 'a' })
  const [delivery] = await source.pull(1, never)
  assert.ok(delivery !== undefined)
  const broken = assert.rejects(source.pull(1, never), { code: 'RR_QUEUE_UNREACHABLE' })
  await own.kill()
  await broken
  await own.start()
  const [fault] = (await source.extend?.([delivery], 60_000)) ?? []
  assert.match(String(fault), /taken the job back/)
  const [again] = await source.pull(1, never)
  assert.equal(again?.id, delivery.id)
})
