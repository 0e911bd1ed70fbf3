import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { LeavableQueue } from '../../../../src/supervisor/pool/queue/leavable-queue.js'

interface Waiter {
  readonly id: number
  isWaiting: boolean
}

test('whoever comes, is served, goes to the end or leaves from the middle: the order is that of a Set', () => {
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.constant('add' as const) },
    { weight: 2, arbitrary: fc.constant('serve' as const) },
    { weight: 2, arbitrary: fc.constant('rotate' as const) },
    fc.nat(),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 600 }), (steps) => {
      const queue = new LeavableQueue<Waiter>()
      const model = new Set<Waiter>()
      const leave = (waiter: Waiter | undefined) => {
        if (waiter === undefined) return
        model.delete(waiter)
        waiter.isWaiting = false
        queue.left()
      }
      for (const [id, one] of steps.entries()) {
        if (one === 'add') {
          const waiter = { id, isWaiting: true }
          model.add(waiter)
          queue.add(waiter)
        } else if (one === 'rotate') {
          const [first] = model
          assert.equal(queue.rotate(), first)
          if (first !== undefined && model.delete(first)) model.add(first)
        } else if (one === 'serve') leave(queue.first())
        else leave([...model][one % Math.max(1, model.size)])
        assert.equal(queue.first(), [...model][0])
        assert.equal(queue.size, model.size)
      }
      assert.deepEqual(queue.all(), [...model])
    }),
  )
})
