import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type HeldRecord, Partition } from '../../../src/plugins/kafka/partition.js'

function filled(count: number): Partition {
  const partition = new Partition({ topic: 't', index: 0, offset: 0 })
  const records = Array.from({ length: count }, (_, offset) => ({
    offset,
    timestampMs: 0,
    isLogTime: false,
    key: null,
    value: Buffer.from(String(offset)),
    headers: [],
  }))
  partition.add(records, 0, count)
  return partition
}

function takeAll(partition: Partition, nowMs = 0): HeldRecord[] {
  const taken: HeldRecord[] = []
  for (let next = partition.take(nowMs); next !== undefined; next = partition.take(nowMs)) taken.push(next)
  return taken
}

const offsets = (list: readonly HeldRecord[]) => list.map(({ record }) => record.offset)

test('the place to commit is that of the first record which is not settled', () => {
  const partition = filled(4)
  const [a, b, c] = takeAll(partition).slice(0, 3)
  assert.ok(a !== undefined && b !== undefined && c !== undefined)
  partition.settle(b)
  assert.equal(partition.lowest, 0)
  partition.settle(a)
  assert.equal(partition.lowest, 2)
  partition.settle(c)
  assert.equal(partition.lowest, 3)
})

test('a record that is tried again holds back those behind it, also those that are in hand', () => {
  const partition = filled(3)
  const [a, b] = [partition.take(0), partition.take(0)]
  assert.ok(a !== undefined && b !== undefined)
  partition.putBack(a, 100)
  assert.equal(b.isStale, true)
  assert.deepEqual(offsets(takeAll(partition, 99)), [])
  assert.equal(partition.nextDueMs, 100)
  // The second one is still in hand: the third would overtake it.
  assert.deepEqual(offsets(takeAll(partition, 100)), [0])
  partition.putBack(b, 0)
  assert.deepEqual(offsets(takeAll(partition, 100)), [1, 2])
})

test('a partition that is to be let go hands out nothing, and goes on where it was when it stays', () => {
  const partition = filled(3)
  const first = partition.take(0)
  assert.ok(first !== undefined)
  partition.leave()
  assert.deepEqual(offsets(takeAll(partition)), [])
  partition.putBack(first, 0)
  partition.stay()
  assert.deepEqual(offsets(takeAll(partition)), [0, 1, 2])
})

test('what was read from another place than the next one is ignored, and so is all of a lost partition', () => {
  const partition = filled(1)
  partition.add([], 0, 9)
  assert.equal(partition.nextOffset, 1)
  partition.lose()
  partition.add([], 1, 9)
  assert.deepEqual([partition.nextOffset, partition.isOurs, partition.hasRoom], [1, false, false])
})
