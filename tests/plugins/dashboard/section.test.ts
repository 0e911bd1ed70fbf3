import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dashboardSection } from '../../../src/plugins/dashboard/section.js'

const fine = { address: '127.0.0.1:9310', token: '', actions: true, hosts: [], allow_remote: false }
const keysOf = (more: object) => dashboardSection.check?.({ ...fine, ...more }).map(({ key }) => key)

test('an address that others reach needs leave and a token, and a token cannot be short', () => {
  assert.deepEqual(keysOf({}), [])
  assert.deepEqual(keysOf({ address: 'localhost:1' }), [])
  for (const address of ['0.0.0.0:9310', ':9310', '[::]:1', '127.evil.org:80'])
    assert.deepEqual(keysOf({ address }), ['address'], address)
  assert.deepEqual(keysOf({ address: 'unix:///tmp/x' }), ['address'])
  assert.deepEqual(keysOf({ address: ':9310', allow_remote: true }), ['token'])
  assert.deepEqual(keysOf({ address: ':9310', allow_remote: true, token: 'x'.repeat(16) }), [])
  assert.deepEqual(keysOf({ token: 'short' }), ['token'])
})
