import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { systemClock } from '../../src/core/clock.js'
import { RelayError } from '../../src/core/errors.js'
import { consoleText } from '../../src/logging/console-text.js'
import { fieldsText } from '../../src/logging/encode.js'
import { LineSplitter } from '../../src/logging/line-splitter.js'
import { LogHost } from '../../src/logging/sink.js'
import { readWorkerLine } from '../../src/logging/worker-lines.js'
import { buildFolder } from '../helpers/project.js'

const tags = { pool: 'p', pid: 1, job: 'j', tags: { requestId: 'r' }, stream: 'stderr' } as const

function read(text: string) {
  return readWorkerLine({ ...tags, text })
}

const levels: readonly [line: object, level: string][] = [
  [{ level: 'trace' }, 'debug'],
  [{ level: 'debug' }, 'debug'],
  [{ level: 'info' }, 'info'],
  [{ level: 'NOTICE' }, 'info'],
  [{ level: 'warning' }, 'warn'],
  [{ level: 'error' }, 'error'],
  [{ level: 'critical' }, 'error'],
  [{ level: 'emergency' }, 'error'],
  [{ level: 10 }, 'debug'],
  [{ level: 30 }, 'info'],
  [{ level: 40 }, 'warn'],
  [{ level: 50 }, 'error'],
  [{ level: 60 }, 'error'],
  [{ level: 100 }, 'debug'],
  [{ level: 200 }, 'info'],
  [{ level: 250 }, 'info'],
  [{ level: 300 }, 'warn'],
  [{ level: 400 }, 'error'],
  [{ level: 600 }, 'error'],
  [{ level_name: 'ERROR' }, 'error'],
  [{ level: 250, level_name: 'NOTICE' }, 'info'],
  [{ levelname: 'WARNING' }, 'warn'],
  [{ severity: 'ERROR' }, 'error'],
  [{ level: 'sideways' }, 'info'],
  [{}, 'info'],
]
test('levels are understood by name and number, of pino, Monolog and Python', () => {
  for (const [line, level] of levels)
    assert.equal(read(JSON.stringify(line)).level, level, JSON.stringify(line))
})

test('a JSON line is merged: its message, its values; our keys win and its own get a prefix', () => {
  const own = { msg: 'hello', level: 'warn', pid: 7, job: 'x', logger: 'app', time: 't', order: { id: 1 } }
  const { level, message, fields } = read(JSON.stringify(own))
  assert.deepEqual([level, message], ['warn', 'hello'])
  assert.equal(
    fieldsText(fields),
    ',"pool":"p","pid":1,"job":"j","requestId":"r","app_pid":7,"app_job":"x","app_logger":"app","app_time":"t","order":{"id":1}',
  )
  assert.equal(read('{"message":"a","msg":"b"}').message, 'a')
})

test('what is no JSON object is a plain line at info', () => {
  for (const text of ['hello', '[1]', '{broken', '"text"', '42', '']) {
    const { level, message } = read(text)
    assert.deepEqual([level, message], ['info', text])
  }
})

test('hostile keys change nothing of ours', () => {
  const { fields } = read('{"__proto__":{"polluted":1},"constructor":2}')
  assert.ok(!('polluted' in {}) && !('polluted' in fields))
  assert.match(fieldsText(fields), /,"__proto__":\{"polluted":1\},"constructor":2$/)
})

test('any bytes in any chunking give the same lines', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'binary' })), fc.array(fc.nat(60)), (words, cuts) => {
      const bytes = Buffer.from(words.join('\n'))
      const lines: string[] = []
      const splitter = new LineSplitter({ lineBytesMax: 1 << 20, onLine: (text) => lines.push(text) })
      let from = 0
      for (const cut of cuts) {
        splitter.push(bytes.subarray(from, from + cut))
        from += cut
      }
      splitter.push(bytes.subarray(from))
      splitter.end()
      const expected = bytes
        .toString('utf8')
        .split('\n')
        .map((line) => line.replace(/\r$/, ''))
      if (bytes.length === 0 || bytes[bytes.length - 1] === 0x0a) expected.pop()
      assert.deepEqual(lines, expected)
    }),
  )
})

test('a line over the limit comes in numbered parts that share an id, nothing lost', () => {
  const text = 'ä€\u{1f600}'.repeat(500)
  const parts: { text: string; id: string; number: number; isLast: boolean }[] = []
  const splitter = new LineSplitter({
    lineBytesMax: 100,
    onLine: (piece, part) => part && parts.push({ text: piece, ...part }),
  })
  for (const byte of Buffer.from(`${text}\n`)) splitter.push(Buffer.from([byte]))
  assert.equal(parts.map((part) => part.text).join(''), text)
  assert.equal(new Set(parts.map((part) => part.id)).size, 1)
  assert.deepEqual(
    parts.map((part) => part.number),
    parts.map((_, at) => at + 1),
  )
  assert.deepEqual(
    parts.map((part) => part.isLast),
    parts.map((_, at) => at === parts.length - 1),
  )
})

test('a line for people cannot forge another one or send escapes to the terminal', () => {
  const line = consoleText(
    { timeMs: 0, level: 'info', logger: 'worker', message: 'a\nb\x1b[31m', fields: { x: 'c\nd' } },
    { hasColor: false },
  )
  assert.ok(!/\p{Cc}/u.test(line), line)
})

const program = (body: string, isLambda: boolean) => `
import { LogHost } from '${join(buildFolder, 'src/logging/sink.js')}'
import { lambdaPlatform } from '${join(buildFolder, 'src/platform/lambda.js')}'
import { systemClock } from '${join(buildFolder, 'src/core/clock.js')}'
const shape = ${isLambda} ? lambdaPlatform(process.env).log : undefined
const log = new LogHost({ env: process.env, shape, isTerminal: false, clock: systemClock })
${body}
await log.end()
process.exit(0)`

test('what was logged before the end is written, also to a slow reader', async () => {
  const body = "for (let n = 0; n < 10000; n += 1) log.info({ n }, 'x'.repeat(50))"
  const child = spawn(process.execPath, ['--input-type=module', '-e', program(body, false)], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let text = ''
  for await (const chunk of child.stderr) {
    text += chunk
    await new Promise((resolve) => setImmediate(resolve))
  }
  const numbers = text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line).n)
  assert.deepEqual(
    numbers,
    Array.from({ length: 10_000 }, (_, n) => n),
  )
})

test('inside Lambda an error is written at once: a kill may follow, and it may be a record’s only copy', async () => {
  const body = `
log.configure({ level: 'info', encoding: 'auto', lineBytesMax: 1000 })
log.info({}, 'started')
log.error({ record: 'r' }, 'given up')
process.kill(process.pid, 'SIGKILL')
await new Promise(() => {})`
  const { stdout, signal } = spawnSync(process.execPath, ['--input-type=module', '-e', program(body, true)], {
    encoding: 'utf8',
  })
  assert.equal(signal, 'SIGKILL')
  assert.match(stdout, /started[^\n]*\n[^\n]*given up/)
})

test('inside Lambda a line over 250 KB is cut into parts that fit and join to the whole', () => {
  const body =
    "log.workerLine({ pool: 'p', pid: 1, tags: { requestId: 'r' }, stream: 'stderr', text: 'é\"'.repeat(200000) })"
  const run = spawnSync(process.execPath, ['--input-type=module', '-e', program(body, true)], {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
    env: { ...process.env, AWS_LAMBDA_LOG_FORMAT: 'JSON' },
  })
  const lines = run.stdout.trimEnd().split('\n')
  for (const line of lines) assert.ok(Buffer.byteLength(line) <= 250_000, `${Buffer.byteLength(line)} bytes`)
  const parts = lines.map((line) => JSON.parse(line))
  assert.equal(parts.map((part) => part.message).join(''), 'é"'.repeat(200_000))
  assert.deepEqual(
    [parts[0].level, parts[0].requestId, parts[0].part, parts.at(-1).lastPart],
    ['INFO', 'r', 1, true],
  )
})

test('a worker’s message that is an object stays one under AWS’s names, and is text where it is cut', () => {
  const told = (length: number, env: NodeJS.ProcessEnv) => {
    const text = `JSON.stringify({ level: 'error', message: { order: 'x'.repeat(${length}) } })`
    const body = `log.workerLine({ pool: 'p', pid: 1, stream: 'stdout', text: ${text} })`
    const run = spawnSync(
      process.execPath,
      ['--input-type=module', '-e', program(body, env.AWS_LAMBDA_LOG_FORMAT !== undefined)],
      {
        encoding: 'utf8',
        maxBuffer: 1 << 26,
        env: { ...process.env, ...env },
      },
    )
    return `${run.stdout}${run.stderr}`
      .trimEnd()
      .split('\n')
      .map((one) => JSON.parse(one))
  }
  const [plain] = told(3, {})
  assert.deepEqual([plain.level, plain.message], ['error', { order: 'xxx' }])
  const [aws] = told(3, { AWS_LAMBDA_LOG_FORMAT: 'JSON' })
  assert.deepEqual([aws.level, aws.message], ['ERROR', { order: 'xxx' }])
  const parts = told(300_000, { AWS_LAMBDA_LOG_FORMAT: 'JSON' })
  assert.equal(parts.map(({ message }) => message).join(''), JSON.stringify({ order: 'x'.repeat(300_000) }))
})

test('errors become data with code and hint, and the caller’s keys cannot take ours', () => {
  const body =
    "log.error({ error: Object.assign(new Error('broke'), { code: 'E', hint: 'mend' }), level: 'x', message: 'y' }, 'it broke')"
  const run = spawnSync(process.execPath, ['--input-type=module', '-e', program(body, false)], {
    encoding: 'utf8',
  })
  const line = JSON.parse(run.stderr)
  assert.deepEqual(
    [line.level, line.message, line.app_level, line.app_message],
    ['error', 'it broke', 'x', 'y'],
  )
  assert.deepEqual([line.error.code, line.error.message, line.error.hint], ['E', 'broke', 'mend'])
})

test('logs.output is stderr, stdout or a file that is appended to; a file that cannot be opened is a fault', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'rr-log-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'rr.log')
  const run = (output: string) =>
    spawnSync(
      process.execPath,
      [
        '--input-type=module',
        '-e',
        program(
          `log.configure({ level: 'info', encoding: 'auto', lineBytesMax: 1000, output: { path: ${JSON.stringify(output)} } }); log.info({}, 'here')`,
          false,
        ),
      ],
      { encoding: 'utf8' },
    )
  assert.match(run('stderr').stderr, /"here"/)
  assert.match(run('stdout').stdout, /"here"/)
  run(path)
  assert.deepEqual([run(path).stderr, run(path).stdout], ['', ''])
  assert.equal(readFileSync(path, 'utf8').match(/"here"/g)?.length, 3)
  assert.equal(statSync(path).mode & 0o777 & ~0o640, 0)
  const log = new LogHost({ env: {}, isTerminal: false, clock: systemClock })
  const settings = { level: 'info', encoding: 'json', lineBytesMax: 1000, output: { path: folder } } as const
  assert.throws(() => log.configure(settings), isCode('RR_LOG_OUTPUT'))
})

function isCode(code: string) {
  return (error: unknown) =>
    error instanceof RelayError && error.code === code && error.message.includes('EISDIR')
}
