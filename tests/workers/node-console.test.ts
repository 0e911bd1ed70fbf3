import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readWorkerLine } from '../../src/logging/worker-lines.js'
import { startHandler } from '../helpers/handler-pool.js'

const code = `exports.handler = async (code) => { await new Function('require', 'process', 'return (async () => {' + code + '})()')(require, process) }`

const rows: readonly (readonly [code: string, level: string, message: string | RegExp])[] = [
  [`console.log('a')`, 'info', 'a'],
  [`console.info('a %s', 1, { b: 2 })`, 'info', 'a 1 { b: 2 }'],
  [`console.debug('a')`, 'debug', 'a'],
  [`console.trace('a')`, 'debug', 'a'],
  [`console.warn('a')`, 'warn', 'a'],
  [`console.error('a')`, 'error', 'a'],
  [`console.fatal('a')`, 'error', 'a'],
  [`console.log()`, 'info', ''],
  [`console.log('a\\nb')`, 'info', 'a\nb'],
  [`console.error(new TypeError('no'))`, 'error', 'TypeError: no'],
  [`console.error('failed:', new TypeError('no'))`, 'error', /^failed: TypeError: no\n +at /],
  [`console.log({ a: 1 })`, 'info', '{ a: 1 }'],
  [`console.error(JSON.stringify({ message: 'a', n: 1 }))`, 'error', 'a'],
  [`console.log(JSON.stringify({ level: 'warn', message: 'a' }))`, 'warn', 'a'],
  [`console.error(JSON.stringify({ time: 1, level: 30, msg: 'a' }))`, 'info', 'a'],
  [`console.error(JSON.stringify({ level: 'LOUD', message: 'a' }))`, 'error', 'a'],
  [`console.error(JSON.stringify({ level: null, severity: {}, message: 'a' }))`, 'error', 'a'],
  [`console.warn(JSON.stringify({ level: 'LOUD', severity: 'error', message: 'a' }))`, 'error', 'a'],
  [`console.warn(JSON.stringify({ message: 'a', deep: { level: 'error' } }))`, 'warn', 'a'],
  [`console.error(JSON.stringify({ level: 'verbose', message: 'a' }))`, 'debug', 'a'],
  [`console.error(JSON.stringify({ level: 35.5, message: 'a' }))`, 'info', 'a'],
  [`process.stderr.write('{"level":"LOUD","message":"a"}\\n')`, 'info', 'a'],
  [`console.log('{ no json')`, 'info', '{ no json'],
  [`console.log('{}')`, 'info', ''],
  [`console.table([[1]])`, 'info', /index/],
  [`console.assert(false, 'a')`, 'warn', 'Assertion failed: a'],
  [`process.stdout.write('plain\\n')`, 'info', 'plain'],
  [`console.log(Symbol('a'), 1n, undefined)`, 'info', 'Symbol(a) 1n undefined'],
]

test('console has AWS’s levels, and one call is one line', async (t) => {
  const handler = await startHandler(t, { 'index.js': code })
  for (const [source, level, message] of rows) {
    const before = handler.lines.length
    assert.equal((await handler.call(`${source}; process.stdout.write('end\\n')`)).error, undefined, source)
    await handler.line(/^end$/)
    const [line, ...more] = handler.lines.splice(before)
    assert.ok(line !== undefined && more.length === 1, source)
    const read = readWorkerLine(line)
    assert.equal(read.level, level, source)
    if (typeof message === 'string') assert.equal(read.message, message, source)
    else assert.match(read.message, message, source)
  }
})

test('AWS_LAMBDA_LOG_LEVEL hides what is below it, and the JSON format keeps objects', async (t) => {
  const env = { AWS_LAMBDA_LOG_LEVEL: 'WARN', AWS_LAMBDA_LOG_FORMAT: 'JSON' }
  const handler = await startHandler(t, { 'index.js': code }, { env })
  await handler.call(
    `for (const level of ['trace', 'debug', 'log', 'info', 'warn', 'error', 'fatal']) console[level](level); console.warn({ order: 7 }); console.error(new RangeError('no'))`,
  )
  await handler.line(/RangeError/)
  const lines = handler.lines.map(({ text }) => JSON.parse(text))
  assert.deepEqual(
    lines.slice(0, 4).map(({ message }) => message),
    ['warn', 'error', 'fatal', { order: 7 }],
  )
  const { level, errorType, errorMessage, stackTrace } = lines[4]
  assert.deepEqual([level, errorType, errorMessage], ['error', 'RangeError', 'no'])
  assert.ok(stackTrace.length > 0)
})

test('the JSON format keeps what JSON has no word for, and errors of any realm and depth', async (t) => {
  const env = { AWS_LAMBDA_LOG_FORMAT: 'JSON' }
  const handler = await startHandler(t, { 'index.js': code }, { env })
  const message = async (source: string) => {
    const before = handler.lines.length
    await handler.call(`${source}; process.stdout.write('end\\n')`)
    await handler.line(/^end$/)
    const [line] = handler.lines.splice(before)
    return JSON.parse(line?.text ?? '{}')
  }
  assert.equal((await message('console.log(undefined)')).message, 'undefined')
  assert.equal((await message(`console.log(Symbol('a'))`)).message, 'Symbol(a)')
  assert.equal((await message('console.log({ n: 1n })')).message, '{ n: 1n }')
  const other = await message(`console.log(require('vm').runInNewContext('new RangeError("there")'))`)
  assert.deepEqual([other.errorType, other.errorMessage], ['RangeError', 'there'])
  const { err } = (await message(`console.log({ err: Object.assign(new TypeError('no'), { code: 5 }) })`))
    .message
  assert.deepEqual([err.errorType, err.errorMessage, err.code], ['TypeError', 'no', 5])
})

test('what was printed is out before the answer, however long it is', async (t) => {
  const handler = await startHandler(t, { 'index.js': code })
  // More than a pipe holds: written in pieces, as the server reads.
  for (const stream of ['stdout', 'stderr']) {
    const before = handler.lines.length
    const result = await handler.call(`process.${stream}.write('x'.repeat(500000) + '\\n')`)
    assert.equal(result.error, undefined)
    await handler.call(`process.stdout.write('end\\n')`)
    await handler.line(/^end$/)
    const lengths = handler.lines.splice(before).map(({ text }) => text.length)
    assert.deepEqual(lengths, [500000, 3], stream)
  }
})
