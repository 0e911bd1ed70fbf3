import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ErrorCode, RelayError } from '../../../../src/index.js'
import { consoleText } from '../../../../src/logging/console-text.js'
import { toLambdaError } from '../../../../src/plugins/lambda/errors.js'
import { reportEvent } from '../../../../src/plugins/lambda/failures/report.js'
import { faultOfError, verdictOfError } from '../../../../src/work/fault.js'
import { recordingLogger } from '../../../helpers/pool.js'

/** Reports an event whose job ended with `error`; returns the log lines. */
function told(error: unknown) {
  const log = recordingLogger()
  reportEvent(log, { requestId: 'r' }, verdictOfError(error))
  const [line] = log.lines
  assert.ok(line)
  return line
}

function failed(text: string): RelayError {
  return new RelayError(ErrorCode.JobFailed, text)
}

const own = {
  errorType: 'TypeError',
  errorMessage: 'no such order',
  stackTrace: ['TypeError: no such order', '    at handler (/app/index.js:1:40)'],
  cause: {
    errorType: 'RangeError',
    errorMessage: 'out of stock',
    stackTrace: ['    at take (/app/stock.js:3:1)'],
  },
}

const levels: readonly (readonly [what: string, error: unknown, level: string, type: string])[] = [
  ['an exception', failed(JSON.stringify(own)), 'error', 'TypeError'],
  ['a plain error text', failed('RuntimeException: no\n#0 /app/w.php(3): f()'), 'error', 'RR.JobFailed'],
  ['a crash', new RelayError(ErrorCode.WorkerCrashed, 'it ended'), 'error', 'RR.WorkerCrashed'],
  ['a time-out', new RelayError(ErrorCode.WorkerTimeout, 'it ran'), 'error', 'RR.WorkerTimeout'],
  ['a bad answer', new RelayError(ErrorCode.BadFrame, 'no frame'), 'error', 'RR.BadReply'],
  ['no worker', new RelayError(ErrorCode.PoolNoWorkers, 'none'), 'error', 'RR.NoWorkers'],
  ['a stop', new RelayError(ErrorCode.PoolStopped, 'stopped'), 'warn', 'RR.Stopped'],
]
test('what failed is one line at its level, with its reason', () => {
  for (const [what, error, level, type] of levels) {
    const line = told(error)
    assert.deepEqual([line.level, line.fields.errorType, line.fields.verdict], [level, type, 'again'], what)
  }
  const log = recordingLogger()
  reportEvent(log, { requestId: 'r' }, { kind: 'retry', why: { kind: 'retry', message: 'later' } })
  assert.equal(log.lines[0]?.level, 'info')
})

test('a worker’s own error keeps its stack and its causes, both bounded', () => {
  const { fields } = told(failed(JSON.stringify(own)))
  assert.deepEqual([fields.stackTrace, fields.cause], [own.stackTrace, own.cause])
  let nested: object = { errorType: 'E', errorMessage: 'root' }
  for (let depth = 0; depth < 100; depth += 1) nested = { errorType: 'E', errorMessage: 'e', cause: nested }
  const deep = toLambdaError(faultOfError(failed(JSON.stringify(nested))))
  let causes = 0
  for (let one = deep.cause; one !== undefined; one = one.cause) causes += 1
  assert.equal(causes, 5)
  const stackTrace = Array.from({ length: 10_000 }, () => 'x'.repeat(10_000))
  const long = toLambdaError(faultOfError(failed(JSON.stringify({ ...own, stackTrace }))))
  assert.ok(JSON.stringify(long).length < 500_000)
  for (const cause of [null, 'text', 7, [], { errorType: 1 }])
    assert.equal(toLambdaError(faultOfError(failed(JSON.stringify({ ...own, cause })))).cause, undefined)
})

test('on a console the frames of the user’s own files are below the line, and no others', () => {
  const stackTrace = [
    '    at handler (/app/index.js:1:40)',
    '    at run (/app/node_modules/lib/a.js:1:1)',
    '    at process.processTicksAndRejections (node:internal/process/task_queues:95:5)',
    '    at serve (/opt/relayrunner/dist/workers/node/serve.js:9:1)',
    '  File "/var/task/index.py", line 2, in handler\n    raise ValueError()\n',
    '  File "/usr/lib/python3.11/json/__init__.py", line 2, in load\n    x\n',
    '#0 /app/vendor/acme/b.php(3): f()',
    '#1 /app/w.php(3): \u001b[31mg()',
  ]
  const fields = { job: 'r/m', requestId: 'r', stackTrace }
  const text = consoleText(
    { timeMs: 0, level: 'error', logger: 'lambda', message: 'failed', fields },
    { hasColor: false },
  )
  const [line, ...frames] = text.split('\n')
  assert.match(line ?? '', /failed {2}job=r\/m$/)
  assert.deepEqual(
    frames.map((frame) => frame.trim()),
    [
      'at handler (/app/index.js:1:40)',
      'File "/var/task/index.py", line 2, in handler',
      'raise ValueError()',
      '#1 /app/w.php(3): \\x1b[31mg()',
    ],
  )
})
