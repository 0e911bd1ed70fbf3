import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CallBatches, type CallBatchesOptions } from '../../../src/work/queues/call-batches.js'

/** Batches whose calls end when the test says so. */
function held(options: Partial<CallBatchesOptions<string, string>> = {}) {
  const calls: { readonly batch: string; readonly end: () => void; readonly fail: () => void }[] = []
  const batches = new CallBatches<string, string>({
    countMax: 3,
    call: (items) =>
      new Promise((resolve, reject) => {
        calls.push({
          batch: items.join(''),
          end: () => resolve(items.map((item) => item.toUpperCase())),
          fail: () => reject(new Error('broken')),
        })
      }),
    ...options,
  })
  const ask = (items: string) => {
    const answers = [...items].map((item) => batches.add(item))
    // A test looks at those that it asks for.
    for (const answer of answers) answer.catch(() => undefined)
    return answers
  }
  const add = (items: string) => void ask(items)
  return { calls, add, ask, made: () => calls.map(({ batch }) => batch) }
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

test('what comes in one turn goes together at once', async () => {
  const { ask, calls, made } = held()
  const answers = ask('ab')
  await turn()
  assert.deepEqual(made(), ['ab'])
  calls[0]?.end()
  assert.deepEqual(await Promise.all(answers), ['A', 'B'])
})

test('while a call is under way the next waits for its end, or until it is full', async () => {
  const { add, calls, made } = held()
  add('a')
  await turn()
  add('b')
  await turn()
  add('c')
  await turn()
  assert.deepEqual(made(), ['a'])
  add('d')
  await turn()
  assert.deepEqual(made(), ['a', 'bcd'])
  add('e')
  await turn()
  calls[0]?.end()
  calls[1]?.end()
  await turn()
  assert.deepEqual(made(), ['a', 'bcd', 'e'])
})

test('where order counts, one call follows the other', async () => {
  const { add, calls, made } = held({ isOrdered: true })
  add('abcdef')
  await turn()
  assert.deepEqual(made(), ['abc'])
  calls[0]?.end()
  await turn()
  assert.deepEqual(made(), ['abc', 'def'])
})

test('a call is bounded by bytes, and what is too large goes alone', async () => {
  const sizes: Readonly<Record<string, number>> = { a: 5, b: 5, c: 5, d: 50, e: 1 }
  const { add, calls, made } = held({ isOrdered: true, bytesOf: (item) => sizes[item] ?? 0, bytesMax: 10 })
  add('abcde')
  for (let at = 0; at < 4; at += 1) {
    await turn()
    calls[at]?.end()
  }
  assert.deepEqual(made(), ['ab', 'c', 'd', 'e'])
})

test('a call that fails rejects its items only', async () => {
  const { ask, calls } = held()
  const [first] = ask('a')
  await turn()
  const [second] = ask('b')
  calls[0]?.fail()
  await assert.rejects(first ?? Promise.resolve(), /broken/)
  await turn()
  calls[1]?.end()
  assert.equal(await second, 'B')
})
