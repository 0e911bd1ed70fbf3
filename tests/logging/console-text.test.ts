import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RelayError } from '../../src/core/errors.js'
import { consoleLines, consoleText } from '../../src/logging/console-text.js'
import type { LogRecord } from '../../src/logging/encode.js'

const record = (fields: LogRecord['fields'], more: Partial<LogRecord> = {}): LogRecord => ({
  timeMs: 0,
  level: 'info',
  logger: 'lambda',
  message: 'done',
  fields,
  ...more,
})
const id = '8081d7e1-09c2-4eb3-94dc-31766f90c2e3'

const shortened: readonly (readonly [job: string, shown: string])[] = [
  [`${id}/7fce7e84-5b2c-454e-ad95-1f8a671a042e`, '8081d7e1/7fce7e84'],
  [`${id}/a3f7f692-0000-4000-8000-000000000012`, '8081d7e1/#12'],
  [`${id}/49590338271490256608692578538571715762384500000`, '8081d7e1/…500000'],
  ['orders.7', 'orders.7'],
  ['mine/other-id', 'mine/other-id'],
]

test('ids are short for people', () => {
  for (const [job, shown] of shortened)
    assert.equal(
      consoleText(record({ job }), { hasColor: false }),
      `00:00:00.000 INFO  lambda   done  job=${shown}`,
    )
})

test('where a log is searched by whole ids, they are whole', () => {
  const text = consoleText(record({ job: id }), { hasColor: false, isBrief: false })
  assert.equal(text, `00:00:00.000 INFO  lambda   done  job=${id}`)
})

test('an error and what to do about it stand below the line, whole and not quoted', () => {
  const error = new RelayError('RR_ADDRESS_IN_USE', '127.0.0.1:1 is in use', { hint: 'Change "address".' })
  const lines = consoleText(record({ pool: 'a', error }, { level: 'error' }), { hasColor: false }).split('\n')
  assert.deepEqual(lines, [
    '00:00:00.000 ERROR lambda   done  pool=a',
    '    RR_ADDRESS_IN_USE: 127.0.0.1:1 is in use',
    '    Change "address".',
  ])
  assert.match(consoleText(record({ error: 'E1' }), { hasColor: false }), /done {2}error=E1$/)
})

test('an error that has no code shows where it was thrown', () => {
  const text = consoleText(record({ error: new TypeError('x is not a function') }), { hasColor: false })
  assert.match(text, /\n {4}TypeError: x is not a function\n {8}at .*console-text\.test/)
})

test('lines of one worker name it once, until another one writes', () => {
  const text = consoleLines({ hasColor: false })
  const line = (message: string, pid: number) =>
    text(record({ pool: 'a', pid, n: 1 }, { logger: 'worker', message }))
  assert.deepEqual(
    [line('one', 1), line('two', 1), line('three', 2), text(record({ pool: 'a', pid: 2 })), line('four', 2)],
    [
      '00:00:00.000 INFO  worker   one  pool=a pid=1 n=1',
      '00:00:00.000 INFO  worker   two  n=1',
      '00:00:00.000 INFO  worker   three  pool=a pid=2 n=1',
      '00:00:00.000 INFO  lambda   done  pool=a pid=2',
      '00:00:00.000 INFO  worker   four  pool=a pid=2 n=1',
    ],
  )
})
