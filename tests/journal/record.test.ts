import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  encodeRecords,
  encodeSegmentHead,
  type JournalChange,
  readSegmentHead,
  scanRecords,
} from '../../src/journal/record.js'

const change: fc.Arbitrary<JournalChange> = fc.record(
  { key: fc.string({ maxLength: 20 }), value: fc.uint8Array({ maxLength: 60 }) },
  { requiredKeys: ['key'] },
)
const changes = fc.array(change, { maxLength: 8 })
const salts = fc.integer({ min: 0, max: 2 ** 32 - 1 })

function segmentOf(list: readonly JournalChange[], salt: number): Buffer {
  return Buffer.concat([encodeSegmentHead(salt), encodeRecords(list, salt)])
}

function plain(records: ReturnType<typeof scanRecords>['records']) {
  return records.map(({ key, value }) => [key, value?.toString('hex')])
}

function expected(list: readonly JournalChange[]) {
  return list.map(({ key, value }) => [
    key,
    value === undefined ? undefined : Buffer.from(value).toString('hex'),
  ])
}

test('records are read back as they were written', () => {
  fc.assert(
    fc.property(changes, salts, (list, salt) => {
      const bytes = segmentOf(list, salt)
      assert.equal(readSegmentHead(bytes), salt)
      const { records, wholeEnd, damagedBytes } = scanRecords(bytes, salt)
      assert.deepEqual(plain(records), expected(list))
      assert.deepEqual([wholeEnd, damagedBytes], [bytes.length, 0])
    }),
    { seed: 1 },
  )
})

test('a segment that is cut at any byte has the records before the cut, whole', () => {
  fc.assert(
    fc.property(changes, salts, (list, salt) => {
      const bytes = segmentOf(list, salt)
      const ends = scanRecords(bytes, salt).records.map(({ end }) => end)
      for (let cut = 12; cut <= bytes.length; cut += 1) {
        const { records, damagedBytes, wholeEnd } = scanRecords(bytes.subarray(0, cut), salt)
        const whole = ends.filter((end) => end <= cut).length
        assert.deepEqual(plain(records), expected(list.slice(0, whole)))
        assert.deepEqual([damagedBytes, wholeEnd], [0, ends[whole - 1] ?? 12])
      }
    }),
    { seed: 2, numRuns: 50 },
  )
})

test('a wrong byte costs the record that it is in, and no other', () => {
  fc.assert(
    fc.property(changes, salts, fc.nat(), fc.integer({ min: 1, max: 255 }), (list, salt, where, by) => {
      const bytes = segmentOf(list, salt)
      if (bytes.length === 12) return
      const at = 12 + (where % (bytes.length - 12))
      const hit = scanRecords(bytes, salt).records.findIndex(({ end }) => at < end)
      bytes[at] = ((bytes[at] ?? 0) + by) % 256
      const rest = list.filter((_, index) => index !== hit)
      assert.deepEqual(plain(scanRecords(bytes, salt).records), expected(rest))
    }),
    { seed: 3, numRuns: 300 },
  )
})

test('a record within a value is not taken for one, however the segment is cut', () => {
  const forged = encodeRecords([{ key: 'forged', value: Buffer.from('x') }], 7)
  const bytes = segmentOf([{ key: 'a', value: forged }], 8)
  for (let cut = 12; cut < bytes.length; cut += 1)
    assert.deepEqual(scanRecords(bytes.subarray(0, cut), 8).records, [])
})

test('a head with any wrong byte is not a head', () => {
  const head = encodeSegmentHead(1234)
  for (let at = 0; at < head.length; at += 1) {
    const wrong = Buffer.from(head)
    wrong[at] = (wrong[at] ?? 0) ^ 1
    assert.equal(readSegmentHead(wrong), undefined)
    assert.equal(readSegmentHead(head.subarray(0, at)), undefined)
  }
})
