import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assignPartitions, type GroupMember } from '../../../src/plugins/kafka/assign.js'

const member = (id: string, owned: readonly number[] = [], topics = ['t']): GroupMember => ({
  id,
  topics,
  owned: new Map([['t', owned]]),
})

const dealt = (members: readonly GroupMember[], count: number) =>
  Object.fromEntries(
    [...assignPartitions(members, new Map([['t', count]]))].map(([id, topics]) => [
      id,
      topics.get('t') ?? [],
    ]),
  )

test('free partitions are dealt evenly', () => {
  assert.deepEqual(dealt([member('a'), member('b')], 5), { a: [0, 2, 4], b: [1, 3] })
  assert.deepEqual(dealt([member('a')], 2), { a: [0, 1] })
  assert.deepEqual(dealt([member('a'), member('b')], 1), { a: [0], b: [] })
})

test('a member keeps what it has, and what is to move is nobody’s until its owner has let go', () => {
  assert.deepEqual(dealt([member('a', [0, 1, 2, 3]), member('b')], 4), { a: [0, 1], b: [] })
  assert.deepEqual(dealt([member('a', [0, 1]), member('b')], 4), { a: [0, 1], b: [2, 3] })
  assert.deepEqual(dealt([member('b', [0, 1, 2]), member('a')], 3), { b: [0, 1], a: [] })
})

test('a partition that two members claim goes to one of them', () => {
  assert.deepEqual(dealt([member('a', [0]), member('b', [0])], 2), { a: [0], b: [1] })
})

test('a member without the topic gets none of it, and one that is not there is left out', () => {
  assert.deepEqual(dealt([member('a', [], ['t']), member('b', [], ['u'])], 2), { a: [0, 1], b: [] })
  assert.deepEqual(dealt([member('a', [7])], 1), { a: [0] })
})
