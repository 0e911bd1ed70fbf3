import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LockWish } from '../../../src/plugins/lock/lock-table.js'
import { Locks } from '../../../src/plugins/lock/locks.js'
import { ManualClock } from '../../ipc/manual-clock.js'

function make() {
  const clock = new ManualClock()
  const locks = new Locks(clock)
  const signal = new AbortController().signal
  const ask = (id: string, kind: 'write' | 'read', more: Partial<LockWish> = {}) =>
    locks.acquire({ resource: 'r', id, kind, ttlMs: 0, waitMs: 0, signal, ...more })
  return { clock, locks, ask }
}

test('one writer excludes all others, also itself; readers exclude writers only', async () => {
  const { locks, ask } = make()
  assert.equal(await ask('a', 'write'), true)
  assert.equal(await ask('a', 'write'), false)
  assert.equal(await ask('b', 'write'), false)
  assert.equal(await ask('b', 'read'), false)
  assert.equal(await ask('b', 'write', { resource: 'other' }), true)
  assert.equal(locks.release('r', 'b'), false)
  assert.equal(locks.release('r', 'a'), true)
  assert.equal(locks.release('r', 'a'), false)
  assert.equal(await ask('a', 'read'), true)
  assert.equal(await ask('b', 'read'), true)
  assert.equal(await ask('a', 'write'), false)
  locks.release('r', 'b')
  assert.equal(await ask('a', 'write'), true, 'the only reader becomes the writer')
  assert.equal(await ask('b', 'read'), false)
})

test('those who wait are served in their order, and readers in a row together', async () => {
  const { locks, ask } = make()
  await ask('a', 'read')
  const served: string[] = []
  const wait = (id: string, kind: 'write' | 'read') =>
    ask(id, kind, { waitMs: 1000 }).then((isHeld) => void served.push(`${id} ${isHeld}`))
  const all = [wait('w', 'write'), wait('r1', 'read'), wait('r2', 'read'), wait('w2', 'write')]
  await Promise.resolve()
  assert.deepEqual(served, [], 'a reader does not overtake a writer that waits')
  const settle = () => new Promise((resolve) => setImmediate(resolve))
  locks.release('r', 'a')
  await settle()
  assert.deepEqual(served, ['w true'])
  locks.release('r', 'w')
  await settle()
  assert.deepEqual(served, ['w true', 'r1 true', 'r2 true'])
  locks.release('r', 'r1')
  locks.release('r', 'r2')
  await Promise.all(all)
  assert.deepEqual(served, ['w true', 'r1 true', 'r2 true', 'w2 true'])
})

test('a wait ends in time, and lets those behind it go on', async () => {
  const { clock, locks, ask } = make()
  await ask('a', 'read')
  const writer = ask('w', 'write', { waitMs: 100 })
  const reader = ask('b', 'read', { waitMs: 1000 })
  clock.advance(100)
  assert.equal(await writer, false)
  assert.equal(await reader, true)
  // RoadRunner's name is stuck for ever after this.
  assert.equal(locks.release('r', 'a'), true)
  assert.equal(locks.release('r', 'b'), true)
  assert.equal(await ask('w', 'write'), true)
})

test('a caller that leaves is not given the lock', async () => {
  const { locks, ask } = make()
  await ask('a', 'write')
  const leaving = new AbortController()
  const left = ask('b', 'write', { waitMs: 1000, signal: leaving.signal })
  const next = ask('c', 'write', { waitMs: 1000 })
  leaving.abort()
  assert.equal(await left, false)
  locks.release('r', 'a')
  assert.equal(await next, true)
  assert.equal(locks.exists('r', 'b'), false)
})

test('a lock ends with its time, which can begin anew; without one it stays', async () => {
  const { clock, locks, ask } = make()
  await ask('a', 'write', { ttlMs: 100 })
  clock.advance(60)
  assert.equal(locks.updateTtl('r', 'a', 100), true)
  clock.advance(60)
  assert.equal(locks.exists('r', 'a'), true)
  clock.advance(40)
  assert.equal(locks.exists('r', '*'), false)
  assert.equal(locks.updateTtl('r', 'a', 100), false)
  await ask('b', 'write', { ttlMs: 2 ** 40 })
  assert.equal(locks.updateTtl('r', 'b', 0), true)
  clock.advance(2 ** 31)
  assert.equal(locks.exists('r', 'b'), true)
  await ask('c', 'read', { resource: 'reads', ttlMs: 50 })
  await ask('c', 'write', { resource: 'reads' })
  clock.advance(100)
  assert.equal(locks.exists('reads', 'c'), true, 'the time of the read lock ended with the promotion')
})

test('a forced release drops all holders and serves the line', async () => {
  const { locks, ask } = make()
  assert.equal(locks.forceRelease('r'), false)
  await ask('a', 'read')
  await ask('b', 'read')
  const next = ask('w', 'write', { waitMs: 1000 })
  assert.equal(locks.forceRelease('r'), true)
  assert.equal(await next, true)
  assert.deepEqual([locks.exists('r', 'a'), locks.exists('r', 'w')], [false, true])
  const waits = ask('x', 'write', { waitMs: 1000 })
  locks.close()
  assert.equal(await waits, false)
})
