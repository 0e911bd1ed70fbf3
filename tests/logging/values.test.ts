import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { jsonMembers } from '../../src/core/json-members.js'
import { consoleText } from '../../src/logging/console-text.js'
import { fieldsText, membersText } from '../../src/logging/encode.js'
import { readCall } from '../../src/logging/log-call.js'
import { jsonText } from '../../src/logging/values.js'
import { readWorkerLine } from '../../src/logging/worker-lines.js'

const line = (text: string) => readWorkerLine({ pool: 'p', pid: 1, stream: 'stderr', text })

test('a message that is not a text is the message all the same', () => {
  for (const text of ['{"a":1.0}', '[1,2]', '7', 'null', 'true']) {
    const { message, messageJson, fields } = line(`{"message":${text}}`)
    assert.deepEqual([message, messageJson?.text, Object.keys(fields)], [text, text, ['pool', 'pid']], text)
  }
  assert.equal(line('{"message":{"a":1},"msg":"text"}').message, 'text')
})

const kept: readonly (readonly [given: string, told: string])[] = [
  ['{"n":12345678901234567890}', ',"n":12345678901234567890'],
  ['{"n":1.0,"m":1e400,"z":-0,"d":0.1000}', ',"n":1.0,"m":1e400,"z":-0,"d":0.1000'],
  ['{ "a" : { "b" : [ 1.50 , "}" ] } }', ',"a":{ "b" : [ 1.50 , "}" ] }'],
  ['{"a":"\\"},{\\\\","b":1.0}', ',"a":"\\"},{\\\\","b":1.0'],
  ['{"a":1,"a":2.0}', ',"a":2.0'],
  ['{"pid":7,"app_pid":8}', ',"app_app_pid":7,"app_pid":8'],
  ['{"__proto__":{"x":1}}', ',"__proto__":{"x":1}'],
  ['{"a":{\t"b":1\r}}', ',"a":{ "b":1 }'],
  ['{}', ''],
]
test('a merged line keeps its digits, its keys and its text, and is a line of JSON', () => {
  for (const [given, told] of kept) {
    const { fields, ...rest } = line(given)
    assert.equal(fieldsText(fields), `,"pool":"p","pid":1${told}`, given)
    const members = membersText({ timeMs: 0, logger: 'worker', ...rest, fields }, 'time')
    assert.ok(!/[\r\n]/.test(members))
    assert.doesNotThrow(() => JSON.parse(`{"level":"info"${members}}`), given)
  }
})

test('members of any object are those that JSON.parse finds', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.constantFrom(0, 2, '\t'), (object, space) => {
      const members = jsonMembers(JSON.stringify(object, null, space))
      const found = Object.fromEntries((members ?? []).map(({ key, text }) => [key, JSON.parse(text)]))
      assert.deepEqual(found, JSON.parse(JSON.stringify(object)))
    }),
  )
})

test('what is broken, deep or huge is plain text, in bounded time', () => {
  const startedAt = performance.now()
  for (const text of [
    '{"a":1',
    '{"a":01}',
    '{a:1}',
    `{"a":${'['.repeat(100_000)}`,
    `{"a":"${'x'.repeat(2 ** 21)}"}`,
  ])
    assert.equal(line(text).message, text)
  assert.ok(performance.now() - startedAt < 1000)
})

const circular: Record<string, unknown> = { name: 'c' }
circular.self = circular
const throwing = Object.defineProperty({}, 'x', {
  enumerable: true,
  get: () => {
    throw new Error('no')
  },
})
const values: readonly (readonly [value: unknown, text: string | RegExp])[] = [
  [undefined, 'null'],
  [null, 'null'],
  [Number.NaN, '"NaN"'],
  [12345678901234567890n, '12345678901234567890'],
  [Symbol('s'), '"Symbol(s)"'],
  [circular, '{"name":"c","self":"(circular)"}'],
  [throwing, '{"x":"(not shown: no)"}'],
  [{ toJSON: () => ({ a: 1 }) }, '{"a":1}'],
  [{ toJSON: () => circular.nothing?.toString }, 'null'],
  [new Map([['a', new Set([1])]]), '{"a":[1]}'],
  [Buffer.from('secret'), '"(6 bytes)"'],
  [new Date(Number.NaN), '"Invalid Date"'],
  [{ a: undefined, b: [undefined] }, '{"b":[null]}'],
  [
    new Proxy(
      {},
      {
        ownKeys: () => {
          throw new Error('no')
        },
      },
    ),
    /not shown/,
  ],
  [Object.create(null), '{}'],
  ['\ud800', '"\\ud800"'],
]
test('anything can be logged, and is readable', () => {
  for (const [value, text] of values) {
    const told = jsonText(value)
    if (typeof text === 'string') assert.equal(told, text)
    else assert.match(told, text)
    assert.doesNotThrow(() => JSON.parse(told))
  }
  assert.ok(jsonText(Array.from({ length: 1_000_000 }, () => 0)).length < 300_000)
})

const calls: readonly (readonly [
  first: unknown,
  second: unknown,
  message: string,
  keys: readonly string[],
])[] = [
  [{ a: 1 }, 'said', 'said', ['a']],
  ['said', { a: 1 }, 'said', ['a']],
  ['said', undefined, 'said', []],
  ['one', 'two', 'one two', []],
  [{ a: 1 }, undefined, '', ['a']],
  [undefined, undefined, '', []],
  [null, 'said', 'said', []],
  [new Error('broke'), undefined, 'broke', ['error']],
  [new Error('broke'), 'said', 'said', ['error']],
  ['said', new Error('broke'), 'said', ['error']],
  [Symbol('s'), 'said', 'said', ['value']],
  [[1], 'said', 'said', ['value']],
  [new Map([['a', 1]]), 'said', 'said', ['a']],
  [throwing, 'said', 'said', ['x']],
  [{ a: 1 }, { b: 1 }, '', ['a', 'value']],
]
test('a logger takes whatever it is called with, for machines and for people', () => {
  for (const [first, second, message, keys] of calls) {
    const call = readCall(first, second)
    assert.equal(call.message, message)
    assert.deepEqual(Object.keys(call.fields), keys)
    const record = { timeMs: 0, level: 'info', logger: 'x', ...call } as const
    assert.doesNotThrow(() => JSON.parse(`{"level":"info"${membersText(record, 'timestamp')}}`))
    assert.doesNotThrow(() => consoleText(record, { hasColor: true }))
  }
})

test('a line for people shows no control characters, and none that turn its direction around', () => {
  const hostile = '\u009b31m\u202eevil\u2066\u2028\u007f'
  const text = consoleText(
    { timeMs: 0, level: 'info', logger: 'x', message: hostile, fields: { hostile } },
    { hasColor: false },
  )
  assert.ok(!/[\p{Cc}\u2028-\u202e\u2066-\u2069]/u.test(text), text)
})
