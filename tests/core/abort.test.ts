import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { test } from 'node:test'
import { onAbort } from '../../src/core/abort.js'

test('a listener runs once when the signal aborts, and is not left behind', () => {
  const controller = new AbortController()
  let runs = 0
  onAbort(controller.signal, () => {
    runs += 1
  })
  controller.abort()
  controller.abort()
  assert.equal(runs, 1)
  assert.equal(getEventListeners(controller.signal, 'abort').length, 0)
})

test('a listener that was taken back does not run', () => {
  const controller = new AbortController()
  const undo = onAbort(controller.signal, () => assert.fail('it ran'))
  undo()
  undo()
  assert.equal(getEventListeners(controller.signal, 'abort').length, 0)
  controller.abort()
})

test('a signal that has aborted already runs the listener at once; no signal never does', () => {
  let runs = 0
  onAbort(AbortSignal.abort(), () => {
    runs += 1
  })()
  onAbort(undefined, () => {
    runs += 1
  })()
  assert.equal(runs, 1)
})

test('one function may listen twice, and taking one back leaves the other', () => {
  const controller = new AbortController()
  let runs = 0
  const run = () => {
    runs += 1
  }
  const undo = onAbort(controller.signal, run)
  onAbort(controller.signal, run)
  undo()
  controller.abort()
  assert.equal(runs, 1)
})
