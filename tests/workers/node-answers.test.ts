import assert from 'node:assert/strict'
import { test } from 'node:test'
import { messageOf } from '../../src/core/errors.js'
import { type Called, type HandlerPool, startHandler, writeFiles } from '../helpers/handler-pool.js'
import { job, startPool, textOf } from '../helpers/pool.js'
import { testFolder } from '../helpers/rr.js'

/** Calls one of many functions by the event, so that one process serves the whole table. */
function table(functions: Readonly<Record<string, string>>): string {
  const list = Object.entries(functions).map(([name, code]) => `${JSON.stringify(name)}: ${code}`)
  return `const functions = {\n${list.join(',\n')}\n}\nexports.handler = (...args) => functions[args[0]](...args)`
}

/** A result as JSON, or the type and message of an error. */
function told({ result, error }: Called): string {
  return error === undefined ? String(result) : `${error.errorType}: ${error.errorMessage}`
}

async function check(
  handler: HandlerPool,
  rows: readonly (readonly [name: string, unknown, expected: string])[],
) {
  for (const [name, , expected] of rows) assert.equal(told(await handler.call(name)), expected, name)
}

const exitType = 'Runtime.NodeJsExit'
const exit = `${exitType}: the handler returned a promise that can never settle: no timer, socket or other work is left`

const answers: readonly (readonly [name: string, code: string, expected: string])[] = [
  ['callback', `(e, c, cb) => { setTimeout(() => cb(null, 'ok'), 5) }`, '"ok"'],
  ['callback at once', `(e, c, cb) => cb(null, 'ok')`, '"ok"'],
  ['default value', `(e, c, cb = () => {}) => { setTimeout(() => cb(null, 'ok'), 5) }`, '"ok"'],
  ['arguments', `function () { const cb = arguments[2]; setTimeout(() => cb(null, 'ok'), 5) }`, '"ok"'],
  ['error', `(e, c, cb) => { setTimeout(() => cb(new TypeError('no')), 5) }`, 'TypeError: no'],
  ['text as error', `(e, c, cb) => cb('no')`, 'string: no'],
  ['succeed', `(e, c) => { setTimeout(() => c.succeed('ok'), 5) }`, '"ok"'],
  ['done', `(e, c) => { setTimeout(() => c.done(null, 'ok'), 5) }`, '"ok"'],
  ['done with an error', `(e, c) => { setTimeout(() => c.done(new Error('no')), 5) }`, 'Error: no'],
  ['fail', `(e, c) => { setTimeout(() => c.fail(new Error('no')), 5) }`, 'Error: no'],
  ['fail with nothing', `(e, c) => c.fail()`, 'string: handled'],
  ['promise', `async () => 'ok'`, '"ok"'],
  ['promise behind callbacks', `async (e, c, cb) => 'ok'`, '"ok"'],
  ['thenable', `() => ({ then: (resolve) => setTimeout(() => resolve('ok'), 5) })`, '"ok"'],
  ['function with then', `() => Object.assign(() => {}, { then: (resolve) => resolve('ok') })`, '"ok"'],
  ['plain value', `() => ({ huge: 'server' })`, 'null'],
  ['nothing', `() => {}`, 'null'],
  ['callback never called', `(e, c, cb) => {}`, 'null'],
  ['work and no answer', `() => { setTimeout(() => {}, 20) }`, 'null'],
  ['pending promise', `() => new Promise(() => {})`, exit],
  ['pending async function', `async () => { await new Promise(() => {}) }`, exit],
  [
    'pending with an unrefed timer',
    `async () => { await new Promise((settle) => setTimeout(settle, 60_000).unref()) }`,
    exit,
  ],
  [
    'file before the promise',
    `() => require('fs').promises.readFile(__filename).then((b) => b.length > 0)`,
    'true',
  ],
  [
    'zlib before the callback',
    `(e, c, cb) => { require('zlib').gzip('x'.repeat(1e6), () => cb(null, 1)) }`,
    '1',
  ],
  [
    'key derivation',
    `(e, c, cb) => { require('crypto').pbkdf2('a', 'b', 1e4, 9, 'sha1', () => cb(null, 1)) }`,
    '1',
  ],
  [
    'empty loop is waited for',
    `(e, c, cb) => { const seen = []; cb(null, seen); setTimeout(() => seen.push('late'), 20) }`,
    '["late"]',
  ],
  [
    'empty loop is not waited for',
    `(e, c, cb) => { c.callbackWaitsForEmptyEventLoop = false; const t = setInterval(() => {}, 1e6); t.unref(); const u = setTimeout(() => {}, 1e4); cb(null, 'ok'); setTimeout(() => clearTimeout(u), 50) }`,
    '"ok"',
  ],
  [
    'error does not wait',
    `(e, c, cb) => { const t = setTimeout(() => {}, 500); cb(new Error('no')) }`,
    'Error: no',
  ],
  [
    'answers twice',
    `(e, c, cb) => { c.succeed(1); c.succeed(2); c.fail(new Error('no')); cb(null, 3) }`,
    '1',
  ],
  ['callback, then the promise', `async (e, c, cb) => { cb(null, 1); return 2 }`, '1'],
  ['callback, then throws', `(e, c, cb) => { cb(null, 1); throw new Error('no') }`, '1'],
  [
    'throws, then the callback',
    `(e, c, cb) => { setTimeout(() => cb(null, 1), 5); throw new Error('no') }`,
    'Error: no',
  ],
  ['throws undefined', `() => { throw undefined }`, 'string: handled'],
  ['bigint', `async () => 10n`, 'Error: Unable to stringify response body'],
  ['circular', `async () => { const a = {}; a.a = a; return a }`, 'Error: Unable to stringify response body'],
  ['throwing toJSON', `async () => ({ toJSON() { throw 1 } })`, 'Error: Unable to stringify response body'],
  ['undefined', `async () => undefined`, 'null'],
  ['function', `async () => () => {}`, 'null'],
  ['symbol', `async () => Symbol('a')`, 'null'],
  ['NaN', `async () => [NaN, Infinity, -0]`, '[null,null,0]'],
  ['date', `async () => new Date(0)`, '"1970-01-01T00:00:00.000Z"'],
  ['buffer', `async () => Buffer.from('a')`, '{"type":"Buffer","data":[97]}'],
  ['text', `async () => 'я東'`, '"я東"'],
  ['lone surrogate', `async () => '\\ud800'`, '"\\ud800"'],
  ['verdict-like object', `async () => ({ outcome: 'retry' })`, '{"outcome":"retry"}'],
]

test('a handler answers by whatever AWS takes as an answer, and by nothing else', async (t) => {
  const handler = await startHandler(t, { 'index.js': table(Object.fromEntries(answers)) })
  await check(handler, answers)
  assert.equal((await handler.pool.workers())[0]?.jobs, answers.length)
})

const vm = `require('node:vm').runInNewContext`
const thrown: readonly (readonly [name: string, expression: string, expected: string])[] = [
  ['Error', `new TypeError('no')`, 'TypeError: no'],
  ['own class', `new (class OrderError extends Error { name = 'OrderError' })('no')`, 'OrderError: no'],
  ['another realm', `${vm}("new RangeError('no')")`, 'RangeError: no'],
  ['a text of another realm', `${vm}("'no'")`, 'string: no'],
  ['DOMException', `new DOMException('no', 'AbortError')`, 'AbortError: no'],
  ['AbortSignal', `AbortSignal.abort().reason`, 'AbortError: This operation was aborted'],
  ['text', `'no'`, 'string: no'],
  ['empty text', `''`, 'string: '],
  ['number', `7`, 'number: 7'],
  ['zero', `0`, 'number: 0'],
  ['false', `false`, 'boolean: false'],
  ['bigint', `7n`, 'bigint: 7'],
  ['symbol', `Symbol('no')`, 'symbol: Symbol(no)'],
  ['undefined', `undefined`, 'string: handled'],
  ['null', `null`, 'string: handled'],
  ['object', `({ a: 1 })`, 'object: [object Object]'],
  ['error-like', `({ name: 'Own', message: 'no', stack: 'x' })`, 'Own: no'],
  ['frozen', `Object.freeze(new Error('no'))`, 'Error: no'],
  ['without a stack', `Object.assign(new Error('no'), { stack: undefined })`, 'Error: no'],
  ['stack that is a list', `Object.assign(new Error('no'), { stack: ['a'] })`, 'Error: no'],
  ['name that is a number', `Object.assign(new Error('no'), { name: 7 })`, 'Error: no'],
  ['message that is an object', `Object.assign(new Error(''), { message: { a: 1 } })`, 'Error: {"a":1}'],
  ['empty name', `Object.assign(new Error('no'), { name: '' })`, 'Error: no'],
  ['null prototype', `Object.setPrototypeOf(new Error('no'), null)`, 'Error: no'],
  ['error with toJSON', `Object.assign(new Error('no'), { toJSON: () => { throw 1 } })`, 'Error: no'],
  ['made of the prototype', `Object.create(Error.prototype, { message: { value: 'no' } })`, 'Error: no'],
  ['throwing message', `Object.defineProperty(new Error(''), 'message', { get() { throw 1 } })`, 'Error: '],
  ['throwing name', `Object.defineProperty(new Error('no'), 'name', { get() { throw 1 } })`, 'Error: no'],
  ['lines', `new Error('a\\nb')`, 'Error: a\nb'],
]
const unreadable = [
  `Object.create(null)`,
  `new Proxy(new Error('no'), { get() { throw 1 }, getPrototypeOf() { throw 1 }, has() { throw 1 } })`,
  `({ get message() { throw 1 }, toString() { throw 1 }, name: 'a' })`,
]

test('whatever is thrown or rejected with is told as AWS tells it, and the worker goes on', async (t) => {
  const all = [...thrown.map(([, expression]) => expression), ...unreadable]
  const ways = ['throws', 'rejects', 'calls back', 'fails'] as const
  const handler = await startHandler(t, {
    'index.js': `const things = [${all.map((one) => `() => (${one})`).join(',\n')}]
      exports.handler = ([way, at], context, callback) => {
        const thing = things[at]()
        if (way === 'throws') throw thing
        if (way === 'rejects') return Promise.reject(thing)
        if (way === 'fails') return context.fail(thing)
        callback(thing)
      }`,
  })
  for (const way of ways) {
    for (const [at, [name, , expected]] of thrown.entries()) {
      // A callback without an error is a success.
      const isSuccess = way === 'calls back' && (name === 'undefined' || name === 'null')
      assert.equal(told(await handler.call([way, at])), isSuccess ? 'null' : expected, `${way} ${name}`)
    }
    for (const at of unreadable.keys()) {
      const { error } = await handler.call([way, thrown.length + at])
      assert.notEqual(error?.errorType ?? '', '', `${way} ${unreadable[at]}`)
    }
  }
  assert.equal((await handler.pool.workers())[0]?.jobs, ways.length * all.length)
})

test('an error carries its stack, its causes and what it was aggregated of', async (t) => {
  const handler = await startHandler(t, {
    'index.js': `exports.handler = async (what) => {
      if (what === 'causes') throw new Error('a', { cause: new TypeError('b', { cause: 'c' }) })
      if (what === 'many') throw new AggregateError([new Error('x'), 'y'], 'all failed')
      const loop = new Error('loop')
      loop.cause = loop
      throw loop
    }`,
  })
  const { error } = await handler.call('causes')
  assert.match(error?.stackTrace[0] ?? '', /^at .*index\.js:2/)
  const { cause } = JSON.parse(JSON.stringify(error))
  assert.deepEqual([cause.errorType, cause.errorMessage, cause.cause.errorMessage], ['TypeError', 'b', 'c'])
  const many = await handler.call('many')
  assert.deepEqual(many.error?.stackTrace.slice(-2), ['[errors 0] Error: x', '[errors 1] string: y'])
  assert.equal(JSON.stringify(await handler.call('loop')).match(/"cause"/g)?.length, 5)
})

test('an error that nobody catches fails its own event, and the next one runs elsewhere', async (t) => {
  const handler = await startHandler(t, {
    'index.js': `exports.handler = (what, context, callback) => {
      if (what === 'throws later') setTimeout(() => { throw new RangeError('late') }, 20)
      else if (what === 'rejects later') setTimeout(() => Promise.reject(new RangeError('late')), 20)
      else callback(null, process.pid)
    }`,
  })
  const pids = [told(await handler.call('pid'))]
  assert.equal(told(await handler.call('throws later')), 'RangeError: late')
  pids.push(told(await handler.call('pid')))
  assert.equal(
    told(await handler.call('rejects later')),
    'Runtime.UnhandledPromiseRejection: RangeError: late',
  )
  pids.push(told(await handler.call('pid')))
  assert.equal(new Set(pids).size, 3)
})

test('an error of an earlier event is not blamed on the one that runs', async (t) => {
  const handler = await startHandler(t, {
    'index.js': `let fire
      exports.handler = async (what) => {
        if (what === 'first') {
          fire = new Promise((resolve) => setTimeout(() => { resolve(); throw new RangeError('mine') }, 30))
          return 'answered'
        }
        await fire
        await new Promise((resolve) => setImmediate(resolve))
        return process.pid
      }`,
  })
  assert.equal(told(await handler.call('first', { awsRequestId: 'r-first' })), '"answered"')
  const second = told(await handler.call('second', { awsRequestId: 'r-second' }))
  assert.match(second, /^\d+$/)
  const line = await handler.line(/an uncaught error was thrown/)
  assert.deepEqual([JSON.parse(line.text).thrownBy, JSON.parse(line.text).level], ['r-first', 'error'])
  assert.notEqual(told(await handler.call('third')), second)
})

test('a message is acknowledged only by an answer of its own handler', async (t) => {
  const handler = await startHandler(t, {
    'index.js': `exports.handler = (event, context, callback) => {
      const { body } = event.Records[0]
      if (body === 'as text') return Promise.resolve(JSON.stringify({ batchItemFailures: [{ itemIdentifier: 'm' }] }))
      if (body === 'by toJSON') return Promise.resolve({ toJSON: () => ({ batchItemFailures: [{ itemIdentifier: 'm' }] }) })
      if (body === 'no list') return Promise.resolve({ batchItemFailures: { itemIdentifier: 'm' } })
      if (body === 'none') return Promise.resolve({ batchItemFailures: [] })
      if (body === 'null') return Promise.resolve({ batchItemFailures: null })
      if (body === 'generator') return (function* () { yield 1 })()
      if (body === 'async generator') return (async function* () { yield 1 })()
      if (body === 'names itself') return { then: (resolve) => resolve({ batchItemFailures: [{ itemIdentifier: 'm' }] }) }
      if (body === 'fails later') setTimeout(() => context.fail(new Error('no')), 5)
      else if (body === 'pending') return new Promise(() => {})
      else callback(null)
    }`,
  })
  const record = { kind: 'record', source: 'aws:sqs', record: { messageId: 'm' } }
  const run = (body: string) => handler.call(Buffer.from(body), record)
  assert.deepEqual(await run('fine'), { result: 'null', context: '' })
  for (const body of ['names itself', 'as text', 'by toJSON', 'no list'])
    assert.match((await run(body)).context ?? '', /"outcome":"retry"/, body)
  for (const body of ['none', 'null']) assert.equal((await run(body)).context, '', body)
  for (const body of ['generator', 'async generator'])
    assert.match((await run(body)).error?.errorMessage ?? '', /generator function/, body)
  assert.equal((await run('fails later')).error?.errorMessage, 'no')
  assert.equal((await run('pending')).error?.errorType, exitType)
})

test('a handler in a thread is waited for in the same way', async (t) => {
  const folder = await testFolder(t)
  const rows: readonly (readonly [name: string, code: string, expected: RegExp])[] = [
    ['callback', `(e, c, cb) => { setTimeout(() => cb(null, 'ok'), 5) }`, /^"ok"$/],
    ['plain', `() => ({ a: 1 })`, /^null$/],
    ['compressed', `(e, c, cb) => { require('zlib').gzip('x'.repeat(1e6), () => cb(null, 1)) }`, /^1$/],
    ['pending', `() => new Promise(() => {})`, /Runtime\.NodeJsExit/],
    ['late', `() => { setTimeout(() => { throw new RangeError('late') }, 5) }`, /RangeError.*late/],
    ['promise', `async () => 'ok'`, /^"ok"$/],
  ]
  const code = Object.fromEntries(rows.map(([name, text]) => [name, text]))
  await writeFiles(folder, { 'index.js': table(code) })
  const { pool } = await startPool(t, [`${folder}/index.handler`], { config: { runtime: 'thread' } })
  for (const [name, , expected] of rows)
    assert.match(await pool.run(job(JSON.stringify(name))).then(textOf, messageOf), expected, name)
})
