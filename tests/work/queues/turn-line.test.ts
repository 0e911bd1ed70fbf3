import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FairLine } from '../../../src/work/queues/fair-line.js'
import { TurnLine } from '../../../src/work/queues/turn-line.js'

const all = (line: { takeFirst(): string | undefined }): readonly string[] => {
  const taken: string[] = []
  for (let item = line.takeFirst(); item !== undefined; item = line.takeFirst()) taken.push(item)
  return taken
}

test('keys take turns, and each keeps its order', () => {
  const line = new TurnLine<string>((item) => item.charAt(0))
  for (const item of ['a1', 'a2', 'a3', 'b1', 'c1', 'b2']) line.add(item)
  line.addFirst('a0')
  assert.deepEqual([line.size, line.first, [...line.firsts()]], [7, 'a0', ['a0', 'b1', 'c1']])
  assert.deepEqual(all(line), ['a0', 'b1', 'c1', 'a1', 'b2', 'a2', 'a3'])
  assert.deepEqual([line.size, line.first], [0, undefined])
})

test('matching items are taken, and a key without items has no turn', () => {
  const line = new TurnLine<string>((item) => item.charAt(0))
  for (const item of ['a1', 'b1', 'b2', 'c1']) line.add(item)
  assert.deepEqual(
    line.takeMatching((item) => item.startsWith('b')),
    ['b1', 'b2'],
  )
  assert.deepEqual([line.size, all(line)], [2, ['a1', 'c1']])
})

test('more items of a key are taken in their order until one does not match', () => {
  const line = new FairLine<string>()
  for (const item of ['x1', 'x2', 'stop', 'x3']) line.add(item, 10, 'x')
  line.add('y1', 10, 'y')
  assert.deepEqual(
    line.takeMore('x', 9, (item) => item !== 'stop'),
    ['x1', 'x2'],
  )
  assert.deepEqual([line.size, line.countOf('x')], [3, 2])
  assert.deepEqual(
    line.takeMore('z', 9, () => true),
    [],
  )
  assert.deepEqual([line.take(), line.take(), line.take(), line.take()], ['stop', 'y1', 'x3', undefined])
})
