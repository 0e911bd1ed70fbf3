import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { type TestContext, test } from 'node:test'
import { startBootstrap } from '../helpers/bootstrap.js'
import { albEvent, httpApiEvent, restEvent, urlEvent } from '../helpers/http-events.js'
import { type LogLine, lambdaConfig, type RunningRr, workerText } from '../helpers/rr.js'
import { type ApiAnswer, type StreamingApi, streamingApi } from '../helpers/streaming-api.js'
import { eventually } from '../helpers/wait.js'

const httpType = 'application/vnd.awslambda.http-integration-response'
const megabyte = 1024 * 1024

async function start(t: TestContext, settings: string, worker = 'streams') {
  const api = await streamingApi(t)
  const text = lambdaConfig(workerText(worker), { count: 1, more: '', lambda: settings })
  const config = text.replace('num_workers: 1', 'num_workers: 1, stream_timeout: 500ms')
  const rr = await startBootstrap(t, api, { config })
  void rr.ended.then((code) => api.abandon(`rr ended with ${code}:\n${rr.text()}`))
  const get = (path: string, rawQueryString = '') => api.invoke(urlEvent({ rawPath: path, rawQueryString }))
  return { api, rr, get }
}

const streaming = 'mode: http\n  streaming: true'

function textOf(answer: ApiAnswer): string {
  return Buffer.concat(answer.chunks).toString()
}

/** Head and body of an HTTP answer, however its bytes were sent. */
function partsOf(answer: ApiAnswer): readonly [head: string, body: string] {
  const [head = '', ...body] = textOf(answer).split('\0'.repeat(8))
  assert.equal(body.length, 1)
  return [head, body.join()]
}

/** Asserts that the answer was complete before its first byte was sent. */
function assertHasLength(answer: ApiAnswer): void {
  assert.equal(answer.headers.get('lambda-runtime-function-response-mode'), 'streaming')
  assert.equal(answer.headers.get('content-length'), String(answer.bytes))
  for (const name of ['transfer-encoding', 'trailer']) assert.equal(answer.headers.get(name), undefined, name)
}

function errorOf(answer: ApiAnswer) {
  const text = answer.trailers.get('lambda-runtime-function-error-body') ?? ''
  return {
    header: answer.trailers.get('lambda-runtime-function-error-type'),
    ...JSON.parse(Buffer.from(text, 'base64').toString()),
  }
}

/** The next event is served as if nothing had been. */
async function assertServes(api: StreamingApi): Promise<string> {
  const answer = await api.invoke(urlEvent({ rawPath: '/three' }))
  assert.equal(await answer.ended, true)
  assert.equal(answer.chunks.slice(2).map(String).join(), 'one,two,three')
  return JSON.parse(String(answer.chunks[0])).headers['X-Pid']
}

test('a stream goes out chunk by chunk behind its head and eight NULs, on a connection of its own', async (t) => {
  const { api, get } = await start(t, streaming)
  const answer = await get('/three')
  assert.equal(await answer.ended, true)
  const [head, separator, ...body] = answer.chunks
  const { headers, ...rest } = JSON.parse(String(head))
  assert.deepEqual(rest, { statusCode: 201, cookies: ['a=1', 'b=2'] })
  assert.deepEqual(Object.keys(headers), ['X-Pid'])
  assert.deepEqual(separator, Buffer.alloc(8))
  assert.deepEqual(body.map(String), ['one', 'two', 'three'])
  assert.equal(answer.headers.get('content-type'), httpType)
  assert.equal(answer.headers.get('lambda-runtime-function-response-mode'), 'streaming')
  assert.equal(answer.headers.get('content-length'), undefined)
  assert.match(answer.headers.get('trailer') ?? '', /Function-Error-Type, Lambda-Runtime-Function-Error-Body/)
  assert.match(answer.headers.get('user-agent') ?? '', /^relayrunner\//)
  assert.deepEqual([...answer.trailers], [])
  assert.notEqual(answer.connection, api.pollConnection)
  await answer.closed
  const again = await get('/three')
  assert.notEqual(again.connection, answer.connection)
})

test('API Gateway v1 gets its head with every value of every header', async (t) => {
  const { api } = await start(t, streaming)
  const answer = await api.invoke(restEvent({ path: '/three' }))
  await answer.ended
  assert.deepEqual(JSON.parse(String(answer.chunks[0])).multiValueHeaders['Set-Cookie'], ['a=1', 'b=2'])
})

test('an answer in one frame goes out as a stream of known length, without early hints', async (t) => {
  const { api, get } = await start(t, streaming)
  for (const [path, body] of [
    ['/one', 'whole'],
    ['/hints', 'body'],
  ] as const) {
    const answer = await get(path)
    await answer.ended
    const [head, sent] = partsOf(answer)
    assert.deepEqual([JSON.parse(head).statusCode, sent], [200, body])
    if (path === '/one') assertHasLength(answer)
    assert.notEqual(answer.connection, api.pollConnection)
  }
})

test('an answer that can have no body is streamed without', async (t) => {
  const { api, get } = await start(t, streaming)
  for (const answer of [
    await get('/no-content'),
    await api.invoke(httpApiEvent({ rawPath: '/three', method: 'HEAD' })),
  ]) {
    assert.equal(await answer.ended, true)
    assert.equal(partsOf(answer)[1], '')
  }
})

test('a load balancer cannot take a stream: it is answered at once with the whole', async (t) => {
  const { api } = await start(t, streaming)
  const answer = await api.invoke(albEvent({ path: '/three' }))
  await answer.ended
  const { body, statusCode } = JSON.parse(textOf(answer))
  assert.deepEqual([statusCode, body], [201, 'onetwothree'])
  assert.equal(answer.headers.get('lambda-runtime-function-response-mode'), undefined)
})

test('a worker’s error before the first byte is a status without a body, in the form of a stream', async (t) => {
  const { api, rr, get } = await start(t, streaming)
  for (const [path, type] of [
    ['/error-first', 'RR.JobFailed'],
    ['/only-hints', 'RR.BadReply'],
    ['/no-head', 'RR.BadReply'],
  ] as const) {
    const answer = await get(path)
    assert.equal(await answer.ended, true)
    assert.equal(answer.headers.get('content-type'), httpType)
    assert.deepEqual(partsOf(answer), ['{"statusCode":500,"headers":{}}', ''])
    assertHasLength(answer)
    await rr.line((line) => line.message === 'an event failed' && line.errorType === type)
  }
  await assertServes(api)
  assert.equal(api.answers.length, 4)
})

test('with internal_error_code 0 a worker’s error before the first byte is an ordinary error', async (t) => {
  const { api, get } = await start(t, `${streaming}\n  http: { internal_error_code: 0 }`)
  const answer = await get('/error-first')
  assert.equal(answer.kind, 'error')
  await answer.ended
  assert.equal(JSON.parse(textOf(answer)).errorMessage, 'told to fail')
  await assertServes(api)
})

test('a request that is refused is told so in the form of a stream', async (t) => {
  const { api } = await start(t, streaming)
  const answer = await api.invoke(urlEvent({ headers: { host: 'no host' } }))
  await answer.ended
  const [head, body] = partsOf(answer)
  assert.equal(JSON.parse(head).statusCode, 400)
  assert.match(body, /the host "no host" is invalid/)
})

test('an error in mid-stream comes behind what was sent, in two trailers', async (t) => {
  const { api, get } = await start(t, streaming)
  const answer = await get('/error-later')
  assert.equal(await answer.ended, true)
  assert.equal(String(answer.chunks[2]), 'begun')
  const { header, errorType, errorMessage } = errorOf(answer)
  assert.deepEqual([header, errorType, errorMessage], ['Function.JobFailed', 'RR.JobFailed', 'told to fail'])
  await assertServes(api)
  assert.deepEqual(
    api.answers.map(({ kind }) => kind),
    ['response', 'response'],
  )
})

test('a worker that dies in mid-stream is told in the trailers, and its successor serves', async (t) => {
  const { api, get } = await start(t, streaming)
  const answer = await get('/die-later')
  assert.equal(await answer.ended, true)
  const { header, errorType } = errorOf(answer)
  assert.deepEqual([header, errorType], ['Runtime.WorkerCrashed', 'RR.WorkerCrashed'])
  await assertServes(api)
})

test('the deadline in mid-stream is told in the trailers', async (t) => {
  const { api } = await start(t, streaming)
  const answer = await api.invoke(urlEvent({ rawPath: '/hang-later' }), { deadlineMs: Date.now() + 3000 })
  assert.equal(await answer.ended, true)
  assert.deepEqual(
    [errorOf(answer).header, errorOf(answer).errorType],
    ['Runtime.WorkerTimeout', 'RR.WorkerTimeout'],
  )
  await assertServes(api)
})

test('at the deadline a reader that takes nothing is cut off, and the next event is served', async (t) => {
  const { api, rr } = await start(t, streaming)
  const options = { deadlineMs: Date.now() + 3000, isPaused: true }
  const answer = await api.invoke(urlEvent({ rawPath: '/endless' }), options)
  await rr.line((line) => line.message === 'a streamed answer was cut off')
  await assertServes(api)
  answer.resume()
  assert.equal(await answer.ended, false)
})

test('SIGTERM in mid-stream ends it with trailers, and nothing else is sent', async (t) => {
  const { api, rr, get } = await start(t, streaming)
  const answer = await get('/hang-later')
  await answer.chunk(3)
  rr.child.kill('SIGTERM')
  assert.equal(await answer.ended, true)
  assert.deepEqual([errorOf(answer).header, errorOf(answer).errorType], ['Runtime.Stopped', 'RR.Stopped'])
  assert.equal(await rr.ended, 0)
  assert.equal(api.answers.length, 1)
})

test('a reader that goes away stops its worker, which serves the next event', async (t) => {
  const { api, rr, get } = await start(t, streaming)
  const answer = await get('/endless')
  await answer.chunk(50)
  answer.cut()
  const { pid } = await rr.line((line) => line.message === 'stopped')
  assert.equal(await assertServes(api), String(pid))
})

test('a reader that goes away without taking a byte stops its worker, too', async (t) => {
  const { api, rr } = await start(t, streaming)
  const answer = await api.invoke(urlEvent({ rawPath: '/endless' }), { isPaused: true })
  answer.cut()
  const { pid } = await rr.line((line) => line.message === 'stopped')
  assert.equal(await assertServes(api), String(pid))
})

test('a worker that does not heed the stop is killed, and its successor serves', async (t) => {
  const { api, rr, get } = await start(t, streaming)
  const answer = await get('/deaf')
  await answer.chunk(10)
  answer.cut()
  const { pid, why } = await rr.line((line) => line.message === 'worker was killed')
  assert.equal(why, 'stream_timeout')
  assert.notEqual(await assertServes(api), String(pid))
})

test('under raw and event a stream is the bytes of the worker and nothing before them', async (t) => {
  const { api } = await start(t, 'mode: event\n  streaming: true', 'echo')
  const answer = await api.invoke({ a: 1 })
  assert.equal(await answer.ended, true)
  assert.deepEqual(answer.chunks.map(String), ['{"a":1}'])
  assert.equal(answer.headers.get('content-type'), 'application/octet-stream')
  assert.equal(answer.headers.get('lambda-runtime-function-response-mode'), 'streaming')
})

/** Reads the processor time of a process in ticks. */
async function ticksOf(pid: number): Promise<number> {
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]?.split(' ') ?? []
  return Number(fields[11]) + Number(fields[12])
}

async function residentBytes(pid: number): Promise<number> {
  return Number(/VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024
}

function bytesSent(rr: RunningRr): number {
  return Number(rr.lines().findLast((line) => line.message === 'sending')?.bytes ?? 0)
}

/** Resolves when nobody has done anything for ten looks in a row. */
async function quiet(rr: RunningRr, pid: number): Promise<void> {
  let [before, looks] = ['', 0]
  await eventually(async () => {
    const now = `${await ticksOf(rr.child.pid ?? 0)} ${await ticksOf(pid)} ${bytesSent(rr)}`
    looks = now === before ? looks + 1 : 0
    before = now
    return looks === 10
  })
}

test('a reader that stops reading stops the worker; bytes and memory are bounded until it reads on', async (t) => {
  const { api, rr } = await start(t, streaming)
  await assertServes(api)
  const before = await residentBytes(rr.child.pid ?? 0)
  const answer = await api.invoke(urlEvent({ rawPath: '/hundred-megabytes' }), { isPaused: true })
  const { pid } = await rr.line((line) => line.message === 'sending')
  await quiet(rr, Number(pid))
  // What lies in two sockets and a pipe; the kernel gives a socket up to some megabytes.
  assert.ok(bytesSent(rr) < 20 * megabyte, `${bytesSent(rr)} bytes were asked for`)
  const grown = (await residentBytes(rr.child.pid ?? 0)) - before
  assert.ok(grown < 40 * megabyte, `the server has grown by ${grown} bytes`)
  assert.ok(!rr.lines().some((line) => line.message === 'sent all'))
  answer.resume()
  assert.equal(await answer.ended, true)
  await rr.line((line) => line.message === 'sent all')
  const head = (answer.chunks[0]?.length ?? 0) + 8
  assert.equal(answer.bytes - head, 100 * megabyte)
  await assertServes(api)
})

test('without streaming a stream is collected and answered whole', async (t) => {
  const { get } = await start(t, 'mode: http')
  for (const [path, status, body] of [
    ['/three', 201, 'onetwothree'],
    ['/hints', 200, 'body'],
    ['/no-content', 204, ''],
  ] as const) {
    const answer = await get(path)
    await answer.ended
    const result = JSON.parse(textOf(answer))
    assert.deepEqual([result.statusCode, result.body], [status, body])
    assert.equal(answer.headers.get('transfer-encoding'), undefined)
  }
})

test('without streaming a stream over 6 MB is stopped: 500 for the caller, the reason in the log', async (t) => {
  const { rr, get } = await start(t, 'mode: http')
  for (const path of ['/seven-megabytes', '/endless', '/deaf']) {
    const answer = await get(path)
    await answer.ended
    assert.equal(JSON.parse(textOf(answer)).statusCode, 500)
  }
  const failed: LogLine[] = []
  await rr.line((line) => line.message === 'an event failed' && failed.push(line) === 3)
  assert.deepEqual(
    failed.map((line) => line.errorType),
    ['RR.PayloadTooLarge', 'RR.PayloadTooLarge', 'RR.PayloadTooLarge'],
  )
  assert.match(String(failed[0]?.errorMessage), /more than 6291556 bytes/)
})

test('without streaming and with internal_error_code 0 a stream over 6 MB is an error', async (t) => {
  const { get } = await start(t, 'mode: http\n  http: { internal_error_code: 0 }')
  const answer = await get('/seven-megabytes')
  await answer.ended
  assert.equal(answer.kind, 'error')
  assert.equal(JSON.parse(textOf(answer)).errorType, 'RR.PayloadTooLarge')
  assert.equal(answer.headers.get('lambda-runtime-function-error-type'), 'Runtime.PayloadTooLarge')
})
