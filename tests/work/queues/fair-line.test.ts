import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FairLine } from '../../../src/work/queues/fair-line.js'

function taken(line: FairLine<string>, count: number): readonly string[] {
  return Array.from({ length: count }, () => line.take() ?? 'none')
}

test('a priority of 1 is taken ten times as often as one of 10, and neither is starved', () => {
  const line = new FairLine<string>()
  for (let at = 0; at < 1000; at += 1) {
    line.add('low', 10, 'low')
    line.add('high', 1, 'high')
  }
  const first = taken(line, 110)
  assert.equal(first.filter((one) => one === 'high').length, 100)
})

test('what comes with a higher priority overtakes a row of lower ones at once', () => {
  const line = new FairLine<string>()
  for (let at = 0; at < 100; at += 1) line.add('low', 10, 'low')
  taken(line, 50)
  line.add('high', 1, 'high')
  assert.equal(line.take(), 'high')
})

test('keys of one priority take turns, and within a key the first come is the first taken', () => {
  const line = new FairLine<string>()
  for (const item of ['a1', 'a2', 'a3', 'b1']) line.add(item, 10, item.charAt(0))
  assert.deepEqual(taken(line, 5), ['a1', 'b1', 'a2', 'a3', 'none'])
  assert.equal(line.size, 0)
})

test('a cleared key leaves the others in their order, and comes back without a debt', () => {
  const line = new FairLine<string>()
  for (const item of ['a1', 'b1', 'a2', 'b2']) line.add(item, 10, item.charAt(0))
  line.add('a0', 1, 'a')
  assert.deepEqual(line.clear('a'), ['a1', 'a2', 'a0'])
  assert.deepEqual([line.size, line.countOf('a'), line.countOf('b')], [2, 0, 2])
  line.add('a3', 10, 'a')
  assert.deepEqual(taken(line, 3), ['b1', 'a3', 'b2'])
})

test('priorities beyond the bounds are taken as the nearest', () => {
  const line = new FairLine<string>()
  line.add('last', 5000, 'x')
  line.add('first', -3, 'y')
  assert.deepEqual(taken(line, 2), ['first', 'last'])
})

test('items that match are taken in their order, the rest of the key stays, and each is paid for', () => {
  const line = new FairLine<string>()
  for (const item of ['a1', 'b1', 'a2', 'b2', 'a3']) line.add(item, 10, 'key')
  for (const item of ['a4', 'c1', 'c2', 'c3']) line.add(item, 10, 'other')
  line.add('d1', 15, 'later')
  const matching = line.takeMatching('key', (item) => item.startsWith('a'))
  assert.deepEqual([matching, line.countOf('key'), line.size], [['a1', 'a2', 'a3'], 2, 7])
  assert.deepEqual(taken(line, 3), ['d1', 'b1', 'a4'])
  assert.deepEqual([line.takeMatching('key', () => true), line.countOf('key')], [['b2'], 0])
})
