import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FailedBoots, rowMin, rowMsMin } from '../../../src/supervisor/pool/slots/failed-boots.js'

for (const [name, atMs, isOver] of [
  ['one', [0], false],
  ['many within a moment', [0, 1, 2, 3, 4, 5, 6, 7], false],
  ['few over a long time', [0, 5000, 9000, rowMsMin], false],
  ['the fifth a moment too early', [0, 1, 2, 3, rowMsMin - 1], false],
  ['five over ten seconds', [0, 1, 2, 3, rowMsMin], true],
] as const) {
  test(`failed boots, ${name}: ${isOver ? 'given up' : 'tried again'}`, () => {
    const row = new FailedBoots()
    const last = atMs.map((nowMs) => row.failed(nowMs, 0)).at(-1)
    assert.equal(last, isOver)
  })
}

test('a worker that lives or comes up begins the row anew', () => {
  const row = new FailedBoots()
  const fail = (fromMs: number, liveCount = 0) =>
    Array.from({ length: rowMin - 1 }, (_, at) => row.failed(fromMs + at, liveCount)).at(-1)
  assert.equal(fail(0), false)
  row.end()
  assert.equal(fail(rowMsMin), false)
  assert.equal(fail(2 * rowMsMin, 1), false)
  assert.equal(fail(3 * rowMsMin), false)
  assert.equal(row.failed(4 * rowMsMin, 0), true)
})
