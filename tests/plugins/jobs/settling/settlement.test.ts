import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Attempts } from '../../../../src/plugins/jobs/settling/attempts.js'
import { FailedSet } from '../../../../src/plugins/jobs/settling/failed-set.js'
import { Settlement, type SettlementOptions } from '../../../../src/plugins/jobs/settling/settlement.js'
import { newTally } from '../../../../src/plugins/jobs/settling/tally.js'
import { makeFault } from '../../../../src/work/fault.js'
import { leastGuarantees } from '../../../../src/work/guarantees.js'
import { PoisonRecords } from '../../../../src/work/poison-records.js'
import type { FailedStore, SettledDelivery, Source } from '../../../../src/work/source.js'
import { FaultKind } from '../../../../src/work/verdict.js'
import { MemoryLog } from '../../../../testing/memory-log.js'
import { delivery, RecordingSource } from '../../../helpers/deliveries.js'
import { ManualClock } from '../../../ipc/manual-clock.js'

/** A recording queue with what a settlement asks for besides. */
class Queue extends RecordingSource implements Source {
  readonly guarantees = leastGuarantees

  async pull() {
    return []
  }

  async close() {}
}

function make(changes: Partial<SettlementOptions> = {}) {
  const clock = new ManualClock()
  const queue = new Queue()
  const log = new MemoryLog(clock)
  const tally = newTally()
  const settlement = new Settlement({
    pipeline: 'mail',
    source: queue,
    policy: { max: 0, backoff: 1000, jitter: 0 },
    dead: 'dead',
    push: async () => undefined,
    attempts: new Attempts(),
    failed: new FailedSet(),
    givenUp: { isSettled: async () => false },
    poison: new PoisonRecords(3),
    tally,
    log,
    nowMs: () => clock.nowMs(),
    random: () => 0,
    onDone: () => undefined,
    onEnd: () => undefined,
    ...changes,
  })
  return { queue, log, tally, settlement }
}

const done = (id: string): SettledDelivery => {
  return { delivery: delivery(id), verdict: { kind: 'done', body: new Uint8Array() } }
}
const failedForGood = (id: string): SettledDelivery => {
  return { delivery: delivery(id), verdict: { kind: 'fail', why: makeFault(FaultKind.failed, 'broken') } }
}
const retried = (id: string): SettledDelivery => {
  return { delivery: delivery(id), verdict: { kind: 'retry', why: makeFault(FaultKind.jobFailed, 'broken') } }
}

test('done jobs are acknowledged while a failed one beside them waits for its move', {
  timeout: 5000,
}, async () => {
  let moved = () => {}
  const push = () => new Promise<void>((resolve) => (moved = resolve))
  const { queue, settlement } = make({ push })
  const settled = settlement.settle([failedForGood('1'), done('2'), retried('3'), done('4')])
  await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(queue.settled, ['2 done', '4 done', '3 retry'])
  moved()
  assert.deepEqual(await settled, [undefined, undefined, undefined, undefined])
  assert.equal(queue.settled.at(-1), '1 done')
})

test('a failure to settle one job is its own, and those beside it are acknowledged', async () => {
  const source = Object.assign(new Queue(), {
    keepsFailed: async () => false,
    park: () => Promise.reject(new Error('not reached')),
  })
  const { settlement, log } = make({ source, dead: '' })
  const faults = await settlement.settle([failedForGood('1'), done('2')])
  assert.deepEqual(
    faults.map((fault) => fault?.message),
    ['not reached', undefined],
  )
  assert.deepEqual(source.settled, ['2 done'])
  assert.match(log.lines.at(-1)?.message ?? '', /could not be settled and will be delivered again/)
})

test('what cannot be pushed back is told, and the rest of a release goes on', async () => {
  const pushed: string[] = []
  const { queue, settlement, log, tally } = make({
    push: async (_, { id }) => {
      if (id === '1') throw new Error('not reached')
      pushed.push(id)
    },
  })
  const early = (id: string) => delivery(id, { autoAck: true })
  await settlement.release([early('1'), delivery('2'), early('3')])
  assert.deepEqual([queue.released, pushed, tally.dropped], [['2'], ['3'], 1])
  assert.deepEqual(
    log.lines.map(({ level, fields }) => [level, fields.job, fields.error]),
    [['error', '1', 'not reached']],
  )
})

test('what was acknowledged before is pushed back also when the queue cannot be told of the rest', async () => {
  const pushed: string[] = []
  const source = Object.assign(new Queue(), { release: () => Promise.reject(new Error('not reached')) })
  const { settlement } = make({ source, push: async (_, { id }) => void pushed.push(id) })
  await assert.rejects(settlement.release([delivery('1'), delivery('2', { autoAck: true })]), /not reached/)
  assert.deepEqual(pushed, ['2'])
})

/** A queue that keeps failed jobs itself, by way of `keep`. */
const keeping = (keep: FailedStore['keep']) => {
  const store: FailedStore = { keep, list: async () => [], redrive: async () => 0, count: async () => 0 }
  return Object.assign(new Queue(), { failed: store })
}

test('a failed job is said to be kept once its queue has kept it', async () => {
  let keptLines: number | undefined
  const { settlement, log } = make({
    source: keeping(async () => {
      keptLines = log.lines.length
    }),
    dead: '',
  })
  await settlement.settle([failedForGood('1')])
  assert.equal(keptLines, 0)
  assert.deepEqual(
    log.lines.map(({ message }) => message),
    ['a job failed for good: it is kept, see `rr jobs dead`'],
  )
})

test('a failed job that its queue could not keep is not said to be kept, and comes again', async () => {
  const source = keeping(() => Promise.reject(new Error('not reached')))
  const { settlement, log } = make({ source, dead: '' })
  await settlement.settle([failedForGood('1')])
  assert.deepEqual(source.settled, ['1 retry'])
  assert.deepEqual(
    log.lines.map(({ level, message, fields }) => [level, message, fields.error ?? fields.errorMessage]),
    [
      ['warn', 'a failed job could not be kept by its queue', 'not reached'],
      ['error', 'a job failed, it comes again', 'broken'],
    ],
  )
})

test('deaths of workers are forgotten of a job that its queue keeps', async () => {
  const poison = new PoisonRecords(3)
  poison.giveUp('1')
  const { settlement } = make({ source: keeping(async () => undefined), dead: '', poison })
  await settlement.settle([failedForGood('1')])
  assert.equal(poison.isSuspect('1'), false)
})
