import assert from 'node:assert/strict'
import { test } from 'node:test'
import { consoleText } from '../../src/logging/console-text.js'
import { type LogRecord, membersText } from '../../src/logging/encode.js'
import { partsOf } from '../../src/logging/long-lines.js'

const lineBytesMax = 250_000
const common = { pool: 'p', pid: 7, job: 'r/m', requestId: 'r', tenantId: 't' }
const encoders = {
  JSON: (record: LogRecord) =>
    `{"level":"INFO"${membersText(record, 'timestamp')},"message":${JSON.stringify(record.message)}}`,
  text: (record: LogRecord) => consoleText(record, { hasColor: false }),
}

function record(message: string, fields: Readonly<Record<string, unknown>> = {}): LogRecord {
  return { timeMs: 0, level: 'info', logger: 'worker', message, fields: { ...common, ...fields } }
}

const long = 'é"\n\u{1f600}'.repeat(100_000)
const cases: readonly (readonly [what: string, record: LogRecord])[] = [
  ['a long message', record(long)],
  ['a long message with values', record(long, { order: { id: 1 }, app_level: 'x' })],
  ['long values', record('short', { stack: long, more: 1 })],
  ['both', record(long, { stack: long })],
  ['a message that escaping makes six times as long', record('\u0001'.repeat(300_000), { order: 1 })],
]
for (const [name, encode] of Object.entries(encoders)) {
  test(`what is over 250 KB as ${name} goes out in parts that fit, share an id and lose nothing`, () => {
    for (const [what, whole] of cases) {
      const parts = partsOf(whole, { id: 'log-1', encode, lineBytesMax })
      assert.ok(parts.length > 1, what)
      for (const part of parts) {
        assert.ok(Buffer.byteLength(encode(part)) <= lineBytesMax, what)
        for (const [key, value] of Object.entries({ ...common, partId: 'log-1' }))
          assert.equal(part.fields[key], value, `${what}: ${key}`)
      }
      assert.deepEqual(
        parts.map(({ fields }) => [fields.part, fields.lastPart]),
        parts.map((_, at) => [at + 1, at === parts.length - 1 ? true : undefined]),
      )
      assert.equal(parts.map(({ message }) => message).join(''), whole.message, what)
      const { pool, pid, job, requestId, tenantId, ...others } = whole.fields
      const text = parts.map(({ fields }) => fields.fields ?? '').join('')
      const { partId, part, lastPart, fields: _, ...first } = parts[0]?.fields ?? {}
      const told = text === '' ? first : { ...common, ...JSON.parse(text) }
      assert.deepEqual(told, { ...common, ...others }, what)
    }
  })
}

test('what fits goes out as it is', () => {
  const whole = record('x'.repeat(200_000), { a: 1 })
  assert.deepEqual(partsOf(whole, { id: 'log-1', encode: encoders.JSON, lineBytesMax }), [whole])
})
