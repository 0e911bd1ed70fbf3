import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { sha256 } from '../../src/core/sha256.js'

test('the digest is that of node:crypto, at every length around a block and for any text', () => {
  const texts = Array.from({ length: 200 }, (_, length) => 'aé€😀/x'.repeat(40).slice(0, length))
  for (const text of [...texts, '/var/task/rr.yaml\ntcp://127.0.0.1:6001', 'x'.repeat(100_000)])
    assert.equal(sha256(text), createHash('sha256').update(text).digest('hex'), `${text.length} characters`)
})
