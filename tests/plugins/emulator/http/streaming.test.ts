import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type ClientRequest, request } from 'node:http'
import { type TestContext, test } from 'node:test'
import type { AnswerStream } from '../../../../src/plugins/emulator/function/answer-stream.js'
import { type PlayedApi, playApi } from '../../../helpers/api-client.js'
import { eventually } from '../../../helpers/wait.js'
import { ManualClock } from '../../../ipc/manual-clock.js'

const event = Buffer.from('1')
const httpType = 'application/vnd.awslambda.http-integration-response'
const typeTrailer = 'Lambda-Runtime-Function-Error-Type'
const bodyTrailer = 'Lambda-Runtime-Function-Error-Body'

/** A runtime's upload, begun: what is written goes out as a chunk. */
function upload(api: PlayedApi, id: string, contentType = 'text/plain'): ClientRequest {
  const path = `/2018-06-01/runtime/invocation/${id}/response`
  const post = request(`http://${api.server.address}${path}`, {
    method: 'POST',
    agent: false,
    headers: {
      'Content-Type': contentType,
      'Lambda-Runtime-Function-Response-Mode': 'streaming',
      'Transfer-Encoding': 'chunked',
      Trailer: `${typeTrailer}, ${bodyTrailer}`,
    },
  })
  post.on('error', () => post.destroy())
  return post
}

async function begin(t: TestContext, contentType?: string) {
  const clock = new ManualClock()
  const api = await playApi(t, { clock, timeoutMs: 1000 })
  const result = api.server.invokeStream(event)
  const post = upload(api, await api.next(), contentType)
  t.after(() => post.destroy())
  const stream = async (): Promise<AnswerStream> => {
    const begun = await result
    assert.ok(begun.kind === 'stream')
    return begun.stream
  }
  return { api, clock, post, stream }
}

test('pieces are passed on as they come, before the answer is whole', async (t) => {
  const { post, stream } = await begin(t)
  post.write('one')
  const answer = await stream()
  const chunks = answer.chunks()
  assert.equal(String((await chunks.next()).value), 'one')
  const status = once(post, 'response')
  post.end('two')
  assert.equal(String((await chunks.next()).value), 'two')
  assert.equal((await chunks.next()).done, true)
  assert.deepEqual(await answer.ended, { kind: 'complete' })
  const [response] = await status
  assert.equal(response.statusCode, 202)
})

test('the head of an HTTP answer is read wherever its chunks are cut', async (t) => {
  const { post, stream } = await begin(t, httpType)
  post.write('{"statusCode":201,"headers":{"a":"b"},"cookies":["c=d"]}\0\0\0\0')
  const answer = await stream()
  const reading = answer.withPrelude()
  post.write('\0\0\0\0body')
  post.end()
  const { prelude, chunks } = await reading
  assert.deepEqual(prelude, { statusCode: 201, headers: { a: 'b' }, multiValueHeaders: {}, cookies: ['c=d'] })
  const body: Buffer[] = []
  for await (const chunk of chunks) body.push(chunk)
  assert.equal(Buffer.concat(body).toString(), 'body')
})

test('an error in the trailers is the invoker’s, behind what was sent', async (t) => {
  const { post, stream } = await begin(t)
  post.write('so far')
  const answer = await stream()
  post.addTrailers({
    [typeTrailer]: 'Function.Broke',
    [bodyTrailer]: Buffer.from('{"x":1}').toString('base64'),
  })
  post.end()
  const pieces: string[] = []
  for await (const chunk of answer.chunks()) pieces.push(String(chunk))
  assert.deepEqual(pieces, ['so far'])
  assert.deepEqual(await answer.ended, {
    kind: 'error',
    type: 'Function.Broke',
    body: Buffer.from('{"x":1}'),
  })
})

test('a runtime that cuts in mid-stream has truncated its response', async (t) => {
  const { post, stream } = await begin(t)
  post.write('half')
  const answer = await stream()
  const chunks = answer.chunks()
  await chunks.next()
  post.destroy()
  assert.equal((await chunks.next()).done, true)
  const end = await answer.ended
  assert.equal(end.kind === 'error' && end.type, 'Runtime.TruncatedResponse')
})

test('a reader that does not read holds up the upload', async (t) => {
  const { post, stream } = await begin(t)
  const piece = Buffer.alloc(1024 * 1024)
  const pieces = 100
  let written = 0
  const write = () => {
    while (written < pieces) {
      written += 1
      if (!post.write(piece)) return
    }
    if (!post.writableEnded) post.end()
  }
  post.on('drain', write)
  write()
  const answer = await stream()
  await eventually(() => post.writableNeedDrain)
  assert.ok(written < pieces, 'everything was taken though nobody read')
  let read = 0
  for await (const chunk of answer.chunks()) read += chunk.length
  assert.equal(read, pieces * piece.length)
  assert.deepEqual(await answer.ended, { kind: 'complete' })
})

test('a stream of over 200 MB is cut off', async (t) => {
  const { post, stream } = await begin(t)
  const piece = Buffer.alloc(4 * 1024 * 1024)
  const write = () => {
    while (!post.destroyed && post.write(piece));
  }
  post.on('drain', write)
  write()
  const answer = await stream()
  let read = 0
  for await (const chunk of answer.chunks()) read += chunk.length
  assert.ok(read <= 200 * 1024 * 1024 && read > 199 * 1024 * 1024, String(read))
  const end = await answer.ended
  assert.equal(end.kind === 'error' && end.type, 'Function.ResponseSizeTooLarge')
})

test('a reader that goes cuts the upload, and the next event is served', async (t) => {
  const { api, post, stream } = await begin(t)
  post.write('one')
  const answer = await stream()
  const closed = new Promise((resolve) => post.once('close', resolve))
  for await (const _ of answer.chunks()) break
  await closed
  assert.deepEqual(await answer.ended, { kind: 'gone' })
  void api.server.invoke(event)
  await api.next()
})

test('an event that runs over in mid-stream ends its stream', async (t) => {
  const { clock, post, stream } = await begin(t)
  post.write('one')
  const answer = await stream()
  clock.advance(1000)
  const end = await answer.ended
  assert.equal(end.kind === 'error' && end.type, 'Sandbox.Timedout')
})

test('the streaming endpoint answers with the head that the function gave, and with trailers for its error', async (t) => {
  const api = await playApi(t)
  const path = '/2021-11-15/functions/f/response-streaming-invocations'
  const answer = api.post(path, { body: '1' })
  const post = upload(api, await api.next(), httpType)
  post.write('{"statusCode":418,"headers":{"x-tea":"yes"},"cookies":["a=1","b=2"]}\0\0\0\0\0\0\0\0')
  post.write('short and stout')
  post.addTrailers({ [typeTrailer]: 'Function.Spilt', [bodyTrailer]: '' })
  post.end()
  const { status, headers, body, trailers } = await answer
  assert.deepEqual([status, headers['x-tea'], body], [418, 'yes', 'short and stout'])
  assert.deepEqual(headers['set-cookie'], ['a=1', 'b=2'])
  assert.equal(trailers[typeTrailer.toLowerCase()], 'Function.Spilt')
})

test('an invoker that hangs up cuts the upload', async (t) => {
  const api = await playApi(t)
  const path = '/2021-11-15/functions/f/response-streaming-invocations'
  const invoker = request(`http://${api.server.address}${path}`, { method: 'POST', agent: false })
  invoker.on('error', () => invoker.destroy())
  invoker.end('1')
  const post = upload(api, await api.next())
  const closed = new Promise((resolve) => post.once('close', resolve))
  post.write('one')
  const [response] = await once(invoker, 'response')
  await once(response, 'data')
  response.destroy()
  await closed
})
