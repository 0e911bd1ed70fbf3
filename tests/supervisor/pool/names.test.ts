import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ErrorCode } from '../../../src/core/errors.js'
import { startPool } from '../../helpers/pool.js'

test('a pool that is called like what every object has is unknown, unless it was declared', async (t) => {
  const { host } = await startPool(t, 'echo')
  for (const name of ['constructor', '__proto__', 'hasOwnProperty', 'toString', 'valueOf']) {
    assert.throws(() => host.get(name), { code: ErrorCode.PoolUnknown }, name)
    assert.throws(() => host.open(name, { name, mode: 'jobs' }), { code: ErrorCode.PoolUnknown }, name)
    await assert.rejects(host.reset(name), { code: ErrorCode.PoolUnknown }, name)
  }
})
