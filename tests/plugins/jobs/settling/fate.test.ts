import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Attempts } from '../../../../src/plugins/jobs/settling/attempts.js'
import { type FateFacts, fateOf, type NotDone, waitMs } from '../../../../src/plugins/jobs/settling/fate.js'
import { makeFault } from '../../../../src/work/fault.js'
import { FaultKind } from '../../../../src/work/verdict.js'
import { delivery } from '../../../helpers/deliveries.js'

const policy = { max: 0, backoff: 1000, jitter: 0 }
const facts: FateFacts = {
  attempt: 1,
  policy,
  hasDead: false,
  keepsFailed: false,
  nacked: 'retried',
  retryMs: undefined,
  random: () => 0,
}
const error: NotDone = { kind: 'retry', why: makeFault(FaultKind.jobFailed, 'm') }
const fail: NotDone = { kind: 'fail', why: makeFault(FaultKind.failed, 'm') }
const asked = (what: 'nack' | 'requeue', more = {}): NotDone => ({ ...error, asked: what, ...more })
const max3 = { ...policy, max: 3 }

const cases: readonly [title: string, verdict: NotDone, changes: Partial<FateFacts>, fate: object][] = [
  ['an error comes again after the back-off', error, {}, { kind: 'again', afterMs: 1000, isFree: false }],
  ['the back-off doubles', error, { attempt: 4 }, { kind: 'again', afterMs: 8000, isFree: false }],
  ['and ends at 5 minutes', error, { attempt: 99 }, { kind: 'again', afterMs: 300_000, isFree: false }],
  [
    'a wait that was asked for wins',
    { ...error, afterMs: 5 },
    {},
    { kind: 'again', afterMs: 5, isFree: false },
  ],
  ['so does the queue’s own', error, { retryMs: 7 }, { kind: 'again', afterMs: 7, isFree: false }],
  ['the last try is kept', error, { policy: max3, attempt: 3 }, { kind: 'park' }],
  ['or moved', error, { policy: max3, attempt: 3, hasDead: true, keepsFailed: true }, { kind: 'dead' }],
  ['or left to the queue', error, { policy: max3, attempt: 4, keepsFailed: true }, { kind: 'leave' }],
  [
    'the one before it comes again',
    error,
    { policy: max3, attempt: 2 },
    { kind: 'again', afterMs: 2000, isFree: false },
  ],
  ['what failed for good is kept at once', fail, {}, { kind: 'park' }],
  ['RoadRunner’s fail is acknowledged', { ...fail, asked: 'fail' }, {}, { kind: 'drop' }],
  ['but moved where a pipeline is for it', { ...fail, asked: 'fail' }, { hasDead: true }, { kind: 'dead' }],
  [
    'requeue has no limit',
    asked('requeue'),
    { policy: max3, attempt: 9 },
    { kind: 'again', afterMs: 0, isFree: true },
  ],
  [
    'with other headers it is a copy',
    asked('requeue', { headers: { a: ['b'] }, afterMs: 9 }),
    {},
    { kind: 'copy', afterMs: 9, headers: { a: ['b'] } },
  ],
  ['nack is a retry', asked('nack'), {}, { kind: 'again', afterMs: 1000, isFree: false }],
  ['nack drops where RoadRunner does', asked('nack'), { nacked: 'dropped' }, { kind: 'drop' }],
  [
    'a stop is not a try',
    { kind: 'retry', why: makeFault(FaultKind.stopped, 'm') },
    { policy: max3, attempt: 9 },
    { kind: 'release' },
  ],
  [
    'a missing worker is not a try',
    { kind: 'retry', why: makeFault(FaultKind.noWorkers, 'm') },
    { policy: max3, attempt: 9 },
    { kind: 'release' },
  ],
]

test('each verdict on a job has its fate', () => {
  for (const [title, verdict, changes, fate] of cases)
    assert.deepEqual(fateOf(delivery('1'), verdict, { ...facts, ...changes }), fate, title)
})

test('a job of a lane stays where it is, also when its worker asks for other headers', () => {
  const verdict = asked('requeue', { headers: { a: ['b'] } })
  assert.deepEqual(fateOf(delivery('a1'), verdict, facts), { kind: 'again', afterMs: 0, isFree: true })
})

test('chance takes away no more than its share of a wait', () => {
  const jittered = { ...policy, jitter: 0.2 }
  assert.deepEqual([waitMs(1, jittered, () => 0), waitMs(1, jittered, () => 1)], [1000, 800])
})

test('only tries count: what was released, requeued or redriven does not', () => {
  const attempts = new Attempts()
  const at = (attempt: number | null) => delivery('1', { attempt })
  assert.equal(attempts.of(at(1)), 1)
  attempts.forgive(at(1))
  assert.equal(attempts.of(at(2)), 1)
  assert.equal(attempts.of(at(3)), 2)
  attempts.restart(at(3))
  assert.equal(attempts.of(at(4)), 1)
  attempts.forget(at(4))
  assert.equal(attempts.of(at(5)), 5)
})

test('failed tries of a source that does not count are counted here', () => {
  const attempts = new Attempts()
  const one = delivery('1', { attempt: null })
  assert.equal(attempts.of(one), 1)
  attempts.failed(one)
  attempts.forgive(one)
  assert.equal(attempts.of(one), 2)
  attempts.restart(one)
  assert.equal(attempts.of(one), 1)
})
