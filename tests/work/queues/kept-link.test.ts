import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KeptLink } from '../../../src/work/queues/kept-link.js'

function setUp() {
  const made: { isLost: boolean }[] = []
  const waiting: ((fault?: Error) => void)[] = []
  const link = new KeptLink({
    connect: () =>
      new Promise<{ isLost: boolean }>((resolve, reject) =>
        waiting.push((fault) => {
          if (fault !== undefined) return reject(fault)
          const one = { isLost: false }
          made.push(one)
          resolve(one)
        }),
      ),
    isLost: ({ isLost }) => isLost,
  })
  return { link, made, waiting }
}

test('calls share the connection that is being made, and the one that is there', async () => {
  const { link, made, waiting } = setUp()
  assert.equal(await link.peek(), undefined)
  const asked = [link.get(), link.get()]
  waiting.shift()?.()
  assert.deepEqual(await Promise.all([...asked, link.get(), link.peek()]), [
    made[0],
    made[0],
    made[0],
    made[0],
  ])
  assert.deepEqual([made.length, waiting.length], [1, 0])
})

test('a lost connection is made again once, and so is one that could not be made', async () => {
  const { link, made, waiting } = setUp()
  const first = link.get()
  waiting.shift()?.(new Error('refused'))
  await assert.rejects(first, /refused/)
  assert.equal(await link.peek(), undefined)
  const second = link.get()
  waiting.shift()?.()
  const lost = await second
  lost.isLost = true
  const again = [link.get(), link.get()]
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(waiting.length, 1)
  waiting.shift()?.()
  assert.deepEqual(await Promise.all(again), [made[1], made[1]])
})

test('after its end nothing is made, and the last connection is given back, also one that was being made', async () => {
  const { link, made, waiting } = setUp()
  const asked = link.get()
  const closed = link.close()
  waiting.shift()?.()
  assert.equal(await closed, made[0])
  assert.equal(await asked, made[0])
  await assert.rejects(link.get(), /the pipeline is closed/)
  assert.equal(await setUp().link.close(), undefined)
})
