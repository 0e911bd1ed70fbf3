import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Answer } from '../../../../src/plugins/lambda/answer/answer.js'
import { rawMode } from '../../../../src/plugins/lambda/modes/raw.js'
import type { Lease, Pool } from '../../../../src/supervisor/pool/pool.js'
import { PoisonRecords } from '../../../../src/work/poison-records.js'
import { fakeLease } from '../../../helpers/fake-lease.js'
import { answerOf, handlerOptions, invocationOf } from '../../../helpers/lambda.js'
import { fixtureCommand, type Logged, recordingLogger, startPool } from '../../../helpers/pool.js'
import { sqsEvent } from '../../../helpers/rr.js'

/** A pool that writes down which messages ran together, and whether in a worker of their own. */
function watched(pool: Pool, ran: { readonly ids: readonly string[]; readonly isAlone: boolean }[]): Pool {
  const idsOf = (context: Uint8Array | string): readonly string[] => {
    const { record, records }: { record: Named | null; records?: readonly Named[] } = JSON.parse(
      String(context),
    )
    return (records ?? (record === null ? [] : [record])).map(({ messageId }) => messageId)
  }
  const watchedLease = (lease: Lease): Lease =>
    fakeLease({
      release: () => lease.release(),
      run: (job, options) => {
        ran.push({ ids: idsOf(job.context), isAlone: false })
        return lease.run(job, options)
      },
    })
  return {
    name: pool.name,
    size: pool.size,
    isStopping: false,
    get idleCount() {
      return pool.idleCount
    },
    get placeCount() {
      return pool.placeCount
    },
    get liveCount() {
      return pool.liveCount
    },
    booted: pool.booted,
    workers: () => pool.workers(),
    run: (job, options) => pool.run(job, options),
    bootRest: () => pool.bootRest(),
    tell: () => 0,
    ask: async () => 0,
    whenIdle: (signal, count) => pool.whenIdle(signal, count),
    acquire: (options) => pool.acquire(options).then(watchedLease),
    tryAcquire: () => {
      const lease = pool.tryAcquire()
      return lease && watchedLease(lease)
    },
    runAlone: (job, options) => {
      ran.push({ ids: idsOf(job.context), isAlone: true })
      return pool.runAlone(job, options)
    },
  }
}
interface Named {
  readonly messageId: string
}

const failures = (answer: Answer): readonly string[] => {
  assert.ok(answer.kind === 'result')
  const { batchItemFailures }: { batchItemFailures: readonly { itemIdentifier: string }[] } = JSON.parse(
    String(answer.body),
  )
  return batchItemFailures.map((one) => one.itemIdentifier)
}

test('a record that killed its workers runs in a worker of its own, then never again', async (t) => {
  const started = await startPool(t, 'dies-of-body', { config: { num_workers: 2 } })
  const ran: { readonly ids: readonly string[]; readonly isAlone: boolean }[] = []
  const lines: Logged[] = []
  const options = handlerOptions(watched(started.pool, ran), {
    poison: new PoisonRecords(2),
    failed: 'log',
    log: recordingLogger(lines),
  })
  const event = sqsEvent(['ok', 'die', 'ok'])
  const poison = () => ran.filter(({ ids }) => ids.includes('message-1'))
  for (const invocation of ['r1', 'r2']) {
    const answer = await answerOf(invocationOf(event, invocation), options)
    assert.deepEqual(failures(answer), ['message-1'])
  }
  assert.deepEqual(poison(), [
    { ids: ['message-1'], isAlone: false },
    { ids: ['message-1'], isAlone: false },
  ])
  const last = await answerOf(invocationOf(event, 'r3'), options)
  assert.equal(poison().at(-1)?.isAlone, true)
  // Given up, and with `failed: log` acknowledged.
  assert.deepEqual(failures(last), [])
  const told = lines.find(({ message }) => message === 'a worker gave up a record')
  assert.match(String(told?.fields.errorMessage), /has killed 3 workers.*alone.*the last words/)
  const others = ran.filter(({ ids }) => !ids.includes('message-1'))
  assert.equal(others.length, 6)
  assert.ok(others.every(({ isAlone }) => !isAlone))
})

test('what was given up is not run again, however often its queue delivers it', async (t) => {
  const started = await startPool(t, 'dies-of-body', { config: { num_workers: 1 } })
  const ran: { readonly ids: readonly string[]; readonly isAlone: boolean }[] = []
  const options = handlerOptions(watched(started.pool, ran), {
    poison: new PoisonRecords(1),
    failed: 'redrive',
  })
  for (let delivery = 0; delivery < 4; delivery += 1) {
    const answer = await answerOf(invocationOf(sqsEvent(['die'])), options)
    assert.deepEqual(failures(answer), ['message-0'])
  }
  assert.deepEqual(
    ran.map(({ isAlone }) => isAlone),
    [false, true],
  )
})

test('after a death in a job of many records each runs alone, and only the guilty one is counted', async (t) => {
  const started = await startPool(t, 'dies-of-body', { config: { num_workers: 1 } })
  const ran: { readonly ids: readonly string[]; readonly isAlone: boolean }[] = []
  const deaths = new PoisonRecords(1)
  const split = { isSplit: true, fifo: 'group' } as const
  const options = handlerOptions(watched(started.pool, ran), {
    poison: deaths,
    recordsPerJob: 10,
    mode: rawMode({ split, hasPartialFailures: true, recordsPerJob: 10 }),
  })
  const event = sqsEvent(['ok', 'die', 'ok'])
  const all = ['message-0', 'message-1', 'message-2']
  assert.deepEqual(failures(await answerOf(invocationOf(event, 'r1'), options)), all)
  assert.deepEqual(
    all.map((name) => [deaths.count(name), deaths.isSuspect(name), deaths.isQuarantined(name)]),
    all.map(() => [0, true, false]),
  )
  assert.deepEqual(failures(await answerOf(invocationOf(event, 'r2'), options)), ['message-1'])
  assert.deepEqual(
    ran.map(({ ids }) => ids),
    [all, ...all.map((name) => [name])],
  )
  assert.ok(ran.every(({ isAlone }) => !isAlone))
  assert.deepEqual(
    all.map((name) => [deaths.count(name), deaths.isSuspect(name)]),
    [
      [0, false],
      [1, true],
      [0, false],
    ],
  )
  await answerOf(invocationOf(event, 'r3'), options)
  assert.deepEqual(ran.slice(4), [
    { ids: ['message-0'], isAlone: false },
    { ids: ['message-1'], isAlone: true },
    { ids: ['message-2'], isAlone: false },
  ])
})

test('0 is never: a record that kills its workers goes on killing those of the pool', async (t) => {
  const started = await startPool(t, fixtureCommand('dies-of-body'), { config: { num_workers: 1 } })
  const ran: { readonly ids: readonly string[]; readonly isAlone: boolean }[] = []
  const options = handlerOptions(watched(started.pool, ran), { poison: new PoisonRecords(0) })
  for (let times = 0; times < 3; times += 1) {
    const answer = await answerOf(invocationOf(sqsEvent(['die'])), options)
    assert.deepEqual(failures(answer), ['message-0'])
  }
  assert.ok(ran.every(({ isAlone }) => !isAlone))
})
