import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { isLane, type Lane, Lanes, type LanesOptions, type Turn } from '../../src/work/lanes.js'
import { delivery } from '../helpers/deliveries.js'

function lanesOf(names: readonly string[], changes: Partial<LanesOptions> = {}): Lanes {
  const lanes = new Lanes({ perJob: 1, order: 'group', isAlone: () => false, ...changes })
  for (const name of names) lanes.add(delivery(name))
  return lanes
}

const deliveriesOf = (turn: Turn) => (isLane(turn) ? turn.waiting : [turn])
const idsOf = (turn: Turn | undefined) =>
  turn === undefined ? undefined : deliveriesOf(turn).map(({ id }) => id)

function takeLane(lanes: Lanes): Lane {
  const turn = lanes.take()
  assert.ok(turn !== undefined && isLane(turn))
  return turn
}

test('deliveries of a lane wait behind each other, all others have a lane of their own', () => {
  const lanes = lanesOf(['a1', '1', 'b1', 'a2', '2'])
  const taken = [lanes.take(), lanes.take(), lanes.take(), lanes.take(), lanes.take()]
  assert.deepEqual(taken.map(idsOf), [['a1', 'a2'], ['1'], ['b1'], ['2'], undefined])
  assert.deepEqual(
    taken.map((turn) => turn !== undefined && isLane(turn) && turn.isOrdered),
    [true, false, true, false, false],
  )
})

test('a lane that runs is not given to a second worker; what came meanwhile is next when it is left', () => {
  const lanes = lanesOf(['a1'])
  const lane = takeLane(lanes)
  lanes.shift(lane, 1)
  lanes.add(delivery('a2'))
  assert.equal(lanes.take(), undefined)
  lanes.leave(lane)
  assert.deepEqual(idsOf(lanes.take()), ['a2'])
})

test('strict order puts all deliveries that have a lane into one', () => {
  const lanes = lanesOf(['a1', 'b1', '1', 'a2'], { order: 'strict' })
  assert.deepEqual([idsOf(lanes.take()), idsOf(lanes.take())], [['a1', 'b1', 'a2'], ['1']])
})

test('deliveries without a lane share jobs, up to the limit, but not with one that must run alone', () => {
  const lanes = lanesOf(['1', '2', 'a1', '3', 'x', '4', '5'], {
    perJob: 3,
    isAlone: ({ id }) => id === 'x',
  })
  const taken = [lanes.take(), lanes.take(), lanes.take(), lanes.take()]
  assert.deepEqual(taken.map(idsOf), [['1', '2', '3'], ['a1'], ['x'], ['4', '5']])
})

test('a job of an ordered lane ends before a delivery that must run alone', () => {
  const lanes = lanesOf(['a1', 'a2', 'ax', 'a4'], { perJob: 10, isAlone: ({ id }) => id === 'ax' })
  const lane = takeLane(lanes)
  const jobs: (readonly string[])[] = []
  while (lane.waiting.length > 0) jobs.push(lanes.shift(lane, lanes.jobSizeOf(lane)).map(({ id }) => id))
  assert.deepEqual(jobs, [['a1', 'a2'], ['ax'], ['a4']])
})

test('clearing takes all that waits, but for the lanes that are held', () => {
  const lanes = lanesOf(['a1', 'a2', '1', 'b1'])
  const held = takeLane(lanes)
  assert.deepEqual(
    lanes.clear().map(({ id }) => id),
    ['1', 'b1'],
  )
  assert.equal(lanes.waitingCount, 2)
  lanes.shift(held)
  lanes.leave(held)
  assert.deepEqual([lanes.waitingCount, lanes.take()], [0, undefined])
})

test('what is put back runs before all others, and waits like them', () => {
  for (const perJob of [1, 3]) {
    const lanes = lanesOf(['1', '2', '3', '4'], { perJob })
    const first = lanes.take()
    assert.ok(first)
    const deliveries = [...deliveriesOf(first)]
    if (isLane(first)) {
      lanes.shift(first)
      lanes.leave(first)
    }
    const left = lanes.waitingCount
    lanes.putBack(deliveries)
    assert.equal(lanes.waitingCount, left + deliveries.length)
    assert.deepEqual(
      idsOf(lanes.next),
      deliveries.map(({ id }) => id),
    )
    assert.deepEqual(
      lanes.clear().map(({ id }) => id),
      ['1', '2', '3', '4'],
    )
    assert.equal(lanes.waitingCount, 0)
  }
})

test('a line that never becomes empty does not keep what was taken from it', async () => {
  setFlagsFromString('--expose-gc')
  const collect: () => void = runInNewContext('gc')
  const line = new Lanes({ perJob: 1, order: 'group', isAlone: () => false })
  const deliveryOf = (at: number) => delivery(String(at))
  line.add(deliveryOf(0))
  const taken: WeakRef<object>[] = []
  for (let at = 1; at < 1000; at += 1) {
    line.add(deliveryOf(at))
    taken.push(new WeakRef(line.take() ?? {}))
  }
  await new Promise((resolve) => setImmediate(resolve))
  collect()
  assert.ok(taken.filter((one) => one.deref() !== undefined).length < 200)
})
