import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LogLevel } from '../../src/logging/logger.js'
import { RecentLines } from '../../src/logging/recent-lines.js'
import { ManualClock } from '../ipc/manual-clock.js'

function setUp() {
  const clock = new ManualClock()
  const recent = new RecentLines(clock)
  const add = (message: string, fields: object = {}, level: LogLevel = 'info', bytes = 100) =>
    recent.add({ timeMs: 0, level, logger: 'worker', message, fields: { ...fields } }, bytes)
  const messages = (from: number, filter = {}) =>
    recent.find(from, filter).lines.map((line): string => JSON.parse(line).message)
  return { clock, recent, add, messages }
}

test('lines are found by each filter and by all of them together', () => {
  const { add, messages } = setUp()
  add('one', { pool: 'a', pid: 1, job: 'r-1/m-1', requestId: 'r-1' })
  add('two', { pool: 'a', pid: 2, job: 'r-1/m-2', requestId: 'r-1' }, LogLevel.warn)
  add('Three', { pool: 'b', pid: 3, job: 'r-2' }, LogLevel.error)
  add('four', {}, LogLevel.debug)
  const cases: readonly [object, readonly string[]][] = [
    [{}, ['one', 'two', 'Three', 'four']],
    [{ pool: 'a' }, ['one', 'two']],
    [{ pid: 2 }, ['two']],
    [{ job: 'r-1' }, ['one', 'two']],
    [{ job: 'm-2' }, ['two']],
    [{ job: 'r-2' }, ['Three']],
    [{ job: 'r' }, []],
    [{ level: LogLevel.warn }, ['two', 'Three']],
    [{ grep: 'THREE' }, ['Three']],
    [{ pool: 'a', level: LogLevel.warn, grep: 'm-2' }, ['two']],
    [{ pool: 'b', pid: 1 }, []],
  ]
  for (const [filter, expected] of cases)
    assert.deepEqual(messages(0, filter), expected, JSON.stringify(filter))
})

test('what was overwritten before it was read is counted, and reading goes on behind it', () => {
  const { recent, add, messages } = setUp()
  for (let at = 0; at < 5000; at += 1) add(`line ${at}`)
  const found = recent.find(10, {})
  assert.equal(found.missed, 2990)
  assert.deepEqual([found.lines.length, found.next, found.isAll], [500, 3500, false])
  assert.equal(messages(4999)[0], 'line 4999')
  assert.deepEqual(recent.find(5000, {}), { lines: [], next: 5000, isAll: true, missed: 0 })
  // A client of an earlier server may ask for more than there is.
  assert.deepEqual(recent.find(9000, {}), { lines: [], next: 5000, isAll: true, missed: 0 })
})

test('long lines leave early, and the last one is always kept', () => {
  const { recent, add, messages } = setUp()
  for (let at = 0; at < 10; at += 1) add(`line ${at}`, {}, 'info', 300_000)
  assert.deepEqual(messages(0), ['line 7', 'line 8', 'line 9'])
  add('huge', {}, 'info', 5_000_000)
  assert.deepEqual(messages(0), ['huge'])
  assert.equal(recent.find(0, {}).missed, 10)
})

test('a call that finds nothing still ends, and says where the next one goes on', () => {
  const { recent, add } = setUp()
  for (let at = 0; at < 1200; at += 1) add('other')
  const found = recent.find(0, { grep: 'wanted' })
  assert.deepEqual([found.lines, found.next, found.isAll], [[], 500, false])
})

test('the last lines are found with their numbers', () => {
  const { recent, add } = setUp()
  for (let at = 0; at < 3000; at += 1) add(`line ${at}`)
  const found = (max: number, from: number) =>
    recent.last(max, from).map(({ n, record }) => [n, record.message])
  assert.deepEqual(found(2, 0), [
    [2998, 'line 2998'],
    [2999, 'line 2999'],
  ])
  assert.deepEqual(found(5, 2999), [[2999, 'line 2999']])
  assert.deepEqual(found(5, 3000), [])
  assert.equal(found(5000, 0).length, 2000)
})

test('the last failures are kept beyond the lines among which they were, within a number of bytes', () => {
  const { recent, add } = setUp()
  add('first', { errorType: 'E' })
  for (let at = 0; at < 5000; at += 1) add('line')
  assert.deepEqual(
    recent.failures(0).map(({ n, record }) => [n, record.message]),
    [[0, 'first']],
  )
  assert.deepEqual(recent.failures(1), [])
  for (let at = 0; at < 150; at += 1) add(`failed ${at}`, { errorType: 'E' })
  assert.deepEqual([recent.failures(0).length, recent.failures(0)[0]?.record.message], [100, 'failed 50'])
  add('huge', { errorType: 'E' }, 'error', 5_000_000)
  assert.deepEqual(
    recent.failures(0).map(({ record }) => record.message),
    ['huge'],
  )
})

test('a waiting reader is told of many lines once, and of none after its time', async () => {
  const { clock, recent, add } = setUp()
  let toldCount = 0
  const wait = () => recent.whenMore(0, 1000).then(() => (toldCount += 1))
  const first = wait()
  for (let at = 0; at < 100; at += 1) add('line')
  assert.equal(clock.timerCount, 2)
  clock.advance(50)
  await first
  assert.equal(toldCount, 1)
  await recent.whenMore(99, 1000)
  const none = recent.whenMore(100, 1000)
  clock.advance(1000)
  await none
  assert.equal(clock.timerCount, 0)
})
