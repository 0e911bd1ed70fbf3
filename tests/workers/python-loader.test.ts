import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { hasCode } from '../../src/core/errors.js'
import { errorTextOf, job, startPool, textOf } from '../helpers/pool.js'
import { fixture, missing, projectFolder } from '../helpers/project.js'

const skip = missing('python3')

/** A pool with the loader on a handler of `tests/fixtures/python`. */
function startLoader(t: TestContext, handler: string, env: Readonly<Record<string, string>> = {}) {
  return startPool(t, ['python3', '-m', 'relayrunner', handler], {
    env: {
      PYTHONPATH: `${projectFolder}/workers/python/src`,
      LAMBDA_TASK_ROOT: fixture('python'),
      ...env,
    },
  })
}

function eventJob(event: unknown, context: object = {}) {
  return { ...job(JSON.stringify(event)), context: JSON.stringify({ kind: 'event', ...context }) }
}

interface Told {
  readonly errorType: string
  readonly errorMessage: string
  readonly stackTrace: readonly string[]
  readonly cause?: Told
}

async function errorOf(run: Promise<unknown>): Promise<Told> {
  try {
    await run
  } catch (error) {
    assert.ok(hasCode(error, 'RR_JOB_FAILED'), String(error))
    return JSON.parse(errorTextOf(error))
  }
  throw new Error('the job was done')
}

const raised: readonly (readonly [
  what: string,
  errorType: string,
  message: string | RegExp,
  cause?: string,
])[] = [
  ['value', 'ValueError', 'no such order'],
  ['empty', 'ValueError', ''],
  ['class', 'ValueError', ''],
  ['key', 'KeyError', "'id'"],
  ['odd', 'Odd', 'odd'],
  ['silent', 'Silent', '<unprintable Silent object>'],
  ['unlinked', 'Unlinked', 'no links'],
  ['wrong', 'Wrong', '<unprintable Wrong object>'],
  ['surrogate-text', 'ValueError', 'a\ud800b'],
  ['huge', 'ValueError', /^x{200000}… \(3000000 characters\)$/],
  ['stop-iteration', 'StopIteration', 'over'],
  ['not-an-exception', 'TypeError', 'exceptions must derive from BaseException'],
  ['unicode', 'ValueError', '東'],
  ['assert', 'AssertionError', ''],
  ['os', 'FileNotFoundError', "[Errno 2] No such file: '/nowhere'"],
  ['chained', 'ValueError', 'outer', 'KeyError'],
  ['in-passing', 'LookupError', 'while handling', 'ZeroDivisionError'],
  ['suppressed', 'LookupError', 'alone'],
  ['circular', 'ValueError', 'one', 'ValueError'],
  ['recursion', 'RecursionError', /^maximum recursion depth exceeded/],
  ['memory', /MemoryError|OverflowError/.source, ''],
  ['later', 'ValueError', 'later'],
]

test('whatever a Python handler raises is told with its class, message, stack and cause', {
  skip,
}, async (t) => {
  const { pool } = await startLoader(t, 'raises.handler')
  for (const [what, errorType, message, cause] of raised) {
    const told = await errorOf(pool.run(eventJob({ do: what })))
    assert.match(told.errorType, new RegExp(`^(${errorType})$`), what)
    if (typeof message === 'string') assert.equal(told.errorMessage, message, what)
    else assert.match(told.errorMessage, message, what)
    assert.equal(told.cause?.errorType, cause, what)
    assert.match(
      told.stackTrace[0] ?? '',
      /^ {2}File ".*raises\.py", line \d+, in (handler|raises_later)\n {4}.*\n$/,
      what,
    )
  }
  assert.equal((await pool.workers())[0]?.jobs, raised.length)
})

test('causes are told five deep at most, and a group’s first exception is its cause', { skip }, async (t) => {
  const { pool } = await startLoader(t, 'raises.handler')
  const depthOf = (told: Told | undefined): number => (told === undefined ? 0 : 1 + depthOf(told.cause))
  assert.equal(depthOf(await errorOf(pool.run(eventJob({ do: 'deep-chain' })))), 6)
  const group = await errorOf(pool.run(eventJob({ do: 'group' })))
  // Python 3.10 knows no groups.
  if (group.errorType !== 'NameError') {
    assert.equal(group.errorMessage, 'several (2 sub-exceptions)')
    assert.deepEqual([group.cause?.errorType, group.cause?.errorMessage], ['TypeError', 'first'])
  }
})

const notSerializable = (type: string) => `Object of type ${type} is not JSON serializable`
const returned: readonly (readonly [
  what: string,
  result: string | RegExp | { readonly fault: string | RegExp },
])[] = [
  ['none', 'null'],
  ['text', '"ok"'],
  ['list', '[1, 2.5, true, null]'],
  ['tuple', '[1, 2]'],
  ['decimal', '{"n": 1.10, "big": 12345678901234567890.123456789, "exp": 1E+5}'],
  ['decimal-nan', 'NaN'],
  ['decimal-in-key-text', '{"1.10": 1}'],
  ['nan', 'NaN'],
  ['infinity', '[Infinity, -Infinity]'],
  ['big-int', '1180591620717411303424'],
  ['inner-bytes', '{"b": "text", "k": 1}'],
  ['bad-inner-bytes', { fault: /^'utf-8' codec can't decode byte 0xff/ }],
  ['bytearray', { fault: notSerializable('bytearray') }],
  ['named-tuple', '{"p": {"x": 1, "y": [{"x": 2, "y": 3}]}}'],
  ['as-dict', '{"id": 1}'],
  ['int-enum', '3'],
  ['str-enum', '"a"'],
  ['keys', '{"2": "a", "2.5": "b", "true": "c", "null": "d"}'],
  ['tuple-key', { fault: 'keys must be str, int, float, bool or None, not tuple' }],
  ['date', { fault: notSerializable('date') }],
  ['datetime', { fault: notSerializable('datetime') }],
  ['set', { fault: notSerializable('set') }],
  ['object', { fault: notSerializable('object') }],
  ['circle', { fault: 'Circular reference detected' }],
  ['ring', { fault: 'Circular reference detected' }],
  ['deep', { fault: /^maximum recursion depth exceeded/ }],
  ['surrogate', '"a\\ud800b"'],
  ['scripts', '"東я😀\u2028"'],
  ['quotes', '"say \\"no\\"\\\\\\n"'],
  ['generator', { fault: notSerializable('generator') }],
  ['range', { fault: notSerializable('range') }],
  ['ordered', '{"a": {"x": 1, "y": 2}}'],
  ['complex', { fault: notSerializable('complex') }],
]

test('whatever a Python handler returns is written as AWS’s encoder writes it, or is a MarshalError', {
  skip,
}, async (t) => {
  const { pool } = await startLoader(t, 'raises.handler')
  for (const [what, expected] of returned) {
    const run = pool.run(eventJob({ return: what }))
    if (typeof expected === 'string') {
      assert.equal(textOf(await run), expected, what)
      continue
    }
    const { errorType, errorMessage, stackTrace } = await errorOf(run)
    assert.deepEqual([errorType, stackTrace], ['Runtime.MarshalError', []], what)
    const fault = 'fault' in expected ? expected.fault : expected
    const text = errorMessage.replace('Unable to marshal response: ', '')
    if (typeof fault === 'string') assert.equal(text, fault, what)
    else assert.match(text, fault, what)
  }
  assert.deepEqual(
    Buffer.from((await pool.run(eventJob({ return: 'bytes' }))).body),
    Buffer.from('\x00\xffraw', 'latin1'),
  )
  assert.equal(textOf(await pool.run(eventJob({ do: 'returns-later' }))), '{"later": true}')
  const broken = await errorOf(pool.run({ ...job('{"not": json'), context: '{"kind":"event"}' }))
  assert.equal(broken.errorType, 'Runtime.UnmarshalError')
  assert.match(broken.errorMessage, /^Unable to unmarshal input: /)
})
