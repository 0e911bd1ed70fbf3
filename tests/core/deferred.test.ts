import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deferred } from '../../src/core/deferred.js'

test('a deferred promise settles with the first call, whichever it is', async () => {
  const first = deferred<number>()
  first.resolve(1)
  first.reject(new Error('too late'))
  first.resolve(2)
  assert.equal(await first.promise, 1)
  const second = deferred()
  second.reject(new Error('no'))
  second.resolve()
  await assert.rejects(second.promise, /no/)
})
