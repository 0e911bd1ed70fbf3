/** The conformance of dispatchers, without and with a second delivery in each worker’s pipe, and what only the latter shows. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ErrorCode, RelayError } from '../../src/core/errors.js'
import { Prefetch } from '../../src/work/prefetch.js'
import { dispatcherOf, openPrefetch, testDispatcher } from '../conformance/dispatcher.js'
import { delivery } from '../helpers/deliveries.js'
import { ManualClock } from '../ipc/manual-clock.js'

testDispatcher('off')
testDispatcher('always')

/** A dispatcher whose workers end their jobs when the test says so, in the order in which they began. */
function heldDispatcher(size: number, prefetch = openPrefetch()) {
  const began: string[] = []
  const ends: ((error?: Error) => void)[] = []
  const run = (body: string) => {
    began.push(body)
    return new Promise<string>((resolve, reject) => {
      ends.push((error) => (error === undefined ? resolve('') : reject(error)))
    })
  }
  const made = dispatcherOf(size, run, { prefetch })
  const end = async (at: number, error?: Error) => {
    await settled()
    ends[at]?.(error)
    await settled()
  }
  return { ...made, began, end }
}

/** Lets all promises settle. */
const settled = () => new Promise<void>((resolve) => setImmediate(resolve))
const plain = (...ids: readonly string[]) => ids.map((id) => delivery(id))

test('all idle workers have one delivery before any has a second, and none has a third', async () => {
  const { dispatcher, began, end } = heldDispatcher(2)
  dispatcher.offer(plain('1', '2', '3', '4', '5'))
  await settled()
  assert.deepEqual(began, ['1', '2'])
  // The third waits in the pipe of the first worker, the fourth in that of the second.
  await end(1)
  assert.deepEqual(began, ['1', '2', '4'])
  await end(0)
  assert.deepEqual(began, ['1', '2', '4', '3'])
  for (const at of [2, 3, 4]) await end(at)
  await dispatcher.finished()
  assert.deepEqual(began, ['1', '2', '4', '3', '5'])
})

test('nothing waits behind a delivery of a lane, and no delivery of a lane behind another one', async () => {
  const { dispatcher, began, end } = heldDispatcher(2)
  dispatcher.offer(plain('a1', '1', 'b1', '2'))
  await settled()
  // With two in the pipe of a worker the end of its first would begin the second at once.
  assert.deepEqual(began, ['a1', '1'])
  await end(1)
  assert.deepEqual(began, ['a1', '1', 'b1'])
  await end(2)
  assert.deepEqual(began, ['a1', '1', 'b1', '2'])
  await end(0)
  await end(3)
  await dispatcher.finished()
})

test('at a death the second delivery goes back to the front, counted neither as tried nor as a suspect', async () => {
  const { dispatcher, source, began, end, alone } = heldDispatcher(1)
  dispatcher.offer(plain('1', '2', '3'))
  await end(0, new RelayError(ErrorCode.WorkerCrashed, 'died'))
  assert.deepEqual(began, ['1', '2'])
  // It has been in a pipe with a death: it runs without another one behind it.
  await end(1)
  await end(2)
  await dispatcher.finished()
  assert.deepEqual(began, ['1', '2', '3'])
  assert.deepEqual([...source.settled].sort(), ['1 retry', '2 done', '3 done'])
  assert.deepEqual(alone, [])
})

test('a delivery that is returned while the dispatcher drains is released', async () => {
  const { dispatcher, source, end } = heldDispatcher(1)
  dispatcher.offer(plain('1', '2', '3'))
  await settled()
  const drained = dispatcher.drain()
  await end(0, new RelayError(ErrorCode.WorkerCrashed, 'died'))
  await drained
  assert.deepEqual([source.settled, source.released], [['1 retry'], ['3', '2']])
})

test('a second delivery is sent only while the last 32 jobs took under 1 ms on average', () => {
  const prefetch = new Prefetch('auto', new ManualClock())
  for (let jobs = 0; jobs < 31; jobs += 1) prefetch.add(0.5)
  assert.equal(prefetch.isOpen, false)
  prefetch.add(0.5)
  assert.equal(prefetch.isOpen, true)
  prefetch.add(20)
  assert.equal(prefetch.isOpen, false)
  for (let jobs = 0; jobs < 32; jobs += 1) prefetch.add(0.9)
  assert.equal(prefetch.isOpen, true)
})
