import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { type TestContext, test } from 'node:test'
import { startBootstrap } from '../helpers/bootstrap.js'
import { nodeLoader } from '../helpers/handler-pool.js'
import { streamingApi } from '../helpers/streaming-api.js'

const code = `
const { pipeline } = require('node:stream/promises')
const { Readable } = require('node:stream')
const { once } = require('node:events')
const { createServer } = require('node:net')
const later = (ms, body) => new Promise((settle) => setTimeout(() => settle(body?.()), ms))
const http = (stream, head) => awslambda.HttpResponseStream.from(stream, head)
const functions = {
  async writes(stream) { stream.setContentType('text/plain'); stream.write('one '); stream.write('two'); stream.end() },
  async late(stream) { stream.write('a'); await later(5); stream.write(Buffer.from('b')); await later(5); stream.end('c') },
  async http(stream) { const out = http(stream, { statusCode: 201, headers: { a: 'b' }, cookies: ['c=d'] }); out.write('made'); out.end() },
  async empty(stream) { http(stream, { statusCode: 204 }).end() },
  async nothing(stream) { stream.end() },
  async large(stream) { stream.write('x'.repeat(2e6)); stream.end('y') },
  async held(stream) {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    stream.write(String(server.address().port))
    const [socket] = await once(server, 'connection')
    socket.destroy()
    server.close()
    stream.end(' last')
  },
  async pipes(stream) { await pipeline(Readable.from(['x'.repeat(100000), 'y'.repeat(100000)]), stream) },
  async piped(stream) { Readable.from(['p', 'q']).pipe(stream) },
  async objects(stream) { stream.write({ a: 1 }); stream.write(new Uint8Array([66])); stream.end() },
  async tooLate(stream) { stream.write('a'); try { stream.setContentType('b') } catch (error) { stream.write(error.name) } stream.end() },
  async throws() { throw new TypeError('at once') },
  async throwsLate(stream) { stream.write('begun'); await later(5); throw new TypeError('mid') },
  async throwsAway(stream) { stream.write('begun'); setTimeout(() => { throw new TypeError('away') }, 5); await later(1e4) },
  async breaks(stream) { await pipeline(Readable.from((async function* () { yield 'begun'; throw new TypeError('piped') })()), stream) },
  async unfinished(stream) { stream.write('begun') },
  async pending(stream) { await new Promise(() => {}) },
  sync(stream) { stream.end('a') },
}
exports.handler = awslambda.streamifyResponse((event, stream, context) => {
  if (typeof context.getRemainingTimeInMillis() !== 'number') throw new Error('no context')
  return functions[event](stream)
}, { highWaterMark: 1024 })
`

async function start(t: TestContext, streaming: 'on' | 'off') {
  const api = await streamingApi(t)
  const config = [
    'version: "3"',
    `server: { command: "${process.execPath} ${nodeLoader} index.handler" }`,
    `lambda: { mode: event, streaming: ${streaming}, pool: { num_workers: 1 } }`,
  ].join('\n')
  const rr = await startBootstrap(t, api, { config, files: { 'index.js': code } })
  void rr.ended.then((end) => api.abandon(`rr ended with ${end}:\n${rr.text()}`))
  const invoke = async (event: string) => {
    const answer = await api.invoke(event)
    await answer.ended
    const error = answer.trailers.get('lambda-runtime-function-error-body')
    const told = error === undefined ? undefined : JSON.parse(Buffer.from(error, 'base64').toString())
    return {
      body: Buffer.concat([...answer.chunks]).toString(),
      type: answer.headers.get('content-type'),
      kind: answer.kind,
      length: answer.headers.get('content-length'),
      told,
    }
  }
  return { api, invoke }
}

const bytes = 'application/octet-stream'
const head = 'application/vnd.awslambda.http-integration-response'
const gap = '\0'.repeat(8)
const whole: readonly (readonly [event: string, body: string, type: string])[] = [
  ['writes', 'one two', 'text/plain'],
  ['late', 'abc', bytes],
  ['http', `{"statusCode":201,"headers":{"a":"b"},"cookies":["c=d"]}${gap}made`, head],
  ['empty', `{"statusCode":204}${gap}`, head],
  ['pipes', `${'x'.repeat(100_000)}${'y'.repeat(100_000)}`, bytes],
  ['piped', 'pq', bytes],
  ['objects', '{"a":1}B', bytes],
  ['tooLate', 'aRuntime.InvalidStreamingOperation', bytes],
  ['large', `${'x'.repeat(2_000_000)}y`, bytes],
]
// Others are read from a source, wait for a timer, or are over the limit of what is collected.
const sentWithLength = ['writes', 'http', 'empty', 'objects', 'tooLate']
const failures: readonly (readonly [event: string, body: string, errorType: string, errorMessage: string])[] =
  [
    ['throws', '', 'TypeError', 'at once'],
    ['throwsLate', 'begun', 'TypeError', 'mid'],
    ['breaks', 'begun', 'TypeError', 'piped'],
    ['unfinished', 'begun', 'string', 'Response stream is not finished.'],
    ['pending', '', 'string', 'Response stream is not finished.'],
    ['sync', 'a', 'string', 'Streaming does not support non-async handlers.'],
    ['throwsAway', 'begun', 'TypeError', 'away'],
  ]

test('a handler of streamifyResponse streams: heads, pipelines, errors before and behind the first byte', async (t) => {
  const { invoke } = await start(t, 'on')
  for (const [event, body, type] of whole) {
    const answer = await invoke(event)
    assert.deepEqual([answer.body, answer.type, answer.told], [body, type, undefined], event)
    if (sentWithLength.includes(event)) assert.equal(answer.length, String(answer.body.length), event)
    if (['late', 'large'].includes(event)) assert.equal(answer.length, undefined, event)
  }
  const { body: none, length } = await invoke('nothing')
  assert.deepEqual([none, length], ['', '0'])
  for (const [event, body, errorType, errorMessage] of failures) {
    const { told, ...answer } = await invoke(event)
    const error = answer.kind === 'error' ? JSON.parse(answer.body) : told
    assert.deepEqual([error?.errorType, error?.errorMessage], [errorType, errorMessage], event)
    assert.equal(answer.kind === 'error' ? '' : answer.body, body, event)
  }
})

test('the first byte of a stream that goes on does not wait for the next one', async (t) => {
  const { api } = await start(t, 'on')
  const answer = await api.invoke('held')
  connect(Number(await answer.chunk(1)), '127.0.0.1').on('error', () => undefined)
  assert.equal(await answer.ended, true)
  assert.equal(String(answer.chunks.at(-1)), ' last')
})

test('without streaming the same handler answers with all that it wrote', async (t) => {
  const { invoke } = await start(t, 'off')
  for (const [event, body] of whole) assert.deepEqual((await invoke(event)).body, body, event)
  for (const [event, , errorType, errorMessage] of failures) {
    const answer = await invoke(event)
    const error = JSON.parse(answer.body)
    assert.deepEqual(
      [answer.kind, error.errorType, error.errorMessage],
      ['error', errorType, errorMessage],
      event,
    )
  }
})
