import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PoisonRecords, poisonRecordsMax } from '../../src/work/poison-records.js'

test('a record is forgotten when its worker came back alive, and the oldest when there are too many', () => {
  const poison = new PoisonRecords(2)
  poison.addDeath(['a'])
  poison.addDeath(['a'])
  assert.ok(poison.isQuarantined('a'))
  poison.forget('a')
  assert.deepEqual([poison.count('a'), poison.isQuarantined('a')], [0, false])
  for (let id = 0; id <= poisonRecordsMax; id += 1) poison.addDeath([String(id)])
  assert.deepEqual([poison.count('0'), poison.count('1')], [0, 1])
})

test('a death among several records makes each of them suspect, and counts for none', () => {
  const poison = new PoisonRecords(1)
  poison.addDeath(['a', 'b'])
  for (const id of ['a', 'b'])
    assert.deepEqual([poison.isSuspect(id), poison.count(id), poison.isQuarantined(id)], [true, 0, false])
})

test('a record that was given up stays so, and 0 never quarantines', () => {
  const poison = new PoisonRecords(1)
  poison.giveUp('a')
  assert.ok(poison.isGivenUp('a'))
  assert.equal(poison.isGivenUp('b'), false)
  const never = new PoisonRecords(0)
  for (let times = 0; times < 10; times += 1) never.addDeath(['a'])
  assert.equal(never.isQuarantined('a'), false)
})
