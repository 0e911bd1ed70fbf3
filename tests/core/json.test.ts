import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isObject, objectOf, parseJson, textOf } from '../../src/core/json.js'

test('only objects that are not lists are objects, and everything else reads as an empty one', () => {
  for (const value of [null, undefined, 1, 'a', [], [1], true]) {
    assert.equal(isObject(value), false)
    assert.deepEqual(objectOf(value), {})
  }
  const value = { a: 1 }
  assert.equal(objectOf(value), value)
})

test('a text is one that is not empty', () => {
  assert.deepEqual(['a', '', 1, null, undefined].map(textOf), [
    'a',
    undefined,
    undefined,
    undefined,
    undefined,
  ])
})

test('what is not JSON reads as undefined, which JSON itself cannot say', () => {
  assert.deepEqual(['{"a":1}', 'null', '', '{', 'undefined'].map(parseJson), [
    { a: 1 },
    null,
    undefined,
    undefined,
    undefined,
  ])
  assert.deepEqual(parseJson(Buffer.from('"ä"')), 'ä')
})
