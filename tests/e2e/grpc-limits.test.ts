/** Limits, failures, health and the end of a gRPC server. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, constants } from 'node:http2'
import { test } from 'node:test'
import { compressionAlgorithms, status } from '@grpc/grpc-js'
import { grpcClient, startGrpcServer } from '../helpers/grpc.js'

const isSleeping = ({ message }: { readonly message: string }) => message === 'sleeping'

test('a deadline ends a running call and its worker, and one that waits never runs', async (t) => {
  const { port, rr } = await startGrpcServer(t)
  const { call } = grpcClient(t, port)
  const running = call('Sleep', { body: '60000', timeoutMs: 3000 })
  await rr.line(isSleeping)
  const waiting = await call('Die', { timeoutMs: 50 })
  assert.equal(waiting.code, status.DEADLINE_EXCEEDED)
  assert.equal((await running).code, status.DEADLINE_EXCEEDED)
  const next = await call('Say')
  assert.equal(next.code, status.OK)
  assert.equal(rr.lines().filter(isSleeping).length, 1)
})

test('a call that its client cancels frees its worker, or is run to its end with abandoned: finish', async (t) => {
  for (const how of ['kill', 'finish']) {
    const { port, rr } = await startGrpcServer(t, { grpc: [`abandoned: ${how}`] })
    const { call } = grpcClient(t, port)
    const before = (await call('Say')).json().pid
    const leaving = new AbortController()
    const running = call('Sleep', { body: how === 'kill' ? '60000' : '200', signal: leaving.signal })
    await rr.line(isSleeping)
    leaving.abort()
    assert.equal((await running).code, status.CANCELLED)
    const after = (await call('Say')).json().pid
    assert.equal(after === before, how === 'finish')
  }
})

test('no free worker is UNAVAILABLE, a dead one and an answer that is not one are INTERNAL', async (t) => {
  const { port, rr } = await startGrpcServer(t, { pool: 'queue_timeout: 100ms' })
  const { call } = grpcClient(t, port)
  const died = await call('Die')
  assert.deepEqual([died.code, died.message], [status.INTERNAL, 'the worker died'])
  const ready = rr.line(({ message, code }) => code === 'RR_WORKER_CRASHED' || /call failed/.test(message))
  await ready
  let junk = await call('Junk')
  // Until the next worker has booted nobody is free.
  while (junk.code === status.UNAVAILABLE) junk = await call('Junk')
  assert.equal(junk.code, status.INTERNAL)
  const sleeping = call('Sleep', { body: '60000', timeoutMs: 20_000 })
  await rr.line(isSleeping)
  const busy = await call('Say')
  assert.deepEqual([busy.code, busy.message], [status.UNAVAILABLE, 'no worker was free'])
  void sleeping
})

test('messages are held to their limits, also after they were unpacked; large ones pass', async (t) => {
  const { port } = await startGrpcServer(t, { grpc: ['max_recv_msg_size: 1', 'max_send_msg_size: 8'] })
  const plain = grpcClient(t, port, { 'grpc.max_receive_message_length': -1 })
  const packed = grpcClient(t, port, {
    'grpc.default_compression_algorithm': compressionAlgorithms.gzip,
    'grpc.max_receive_message_length': -1,
  })
  const mb = 1024 * 1024
  for (const { call } of [plain, packed]) {
    const fits = await call('Meta', { body: Buffer.alloc(mb, 'a') })
    assert.deepEqual([fits.code, fits.bytes.length], [status.OK, mb], fits.message)
    const over = await call('Meta', { body: Buffer.alloc(mb + 1, 'a') })
    assert.equal(over.code, status.RESOURCE_EXHAUSTED, over.message)
    const large = await call('Big', { body: String(8 * mb) })
    assert.deepEqual([large.code, large.bytes.length], [status.OK, 8 * mb], large.message)
    const larger = await call('Big', { body: String(8 * mb + 1) })
    assert.equal(larger.code, status.RESOURCE_EXHAUSTED)
    assert.match(larger.message, /^trying to send message larger than max/)
  }
})

test('what is not a call is refused, and the server goes on', async (t) => {
  const { port } = await startGrpcServer(t)
  const session = connect(`http://127.0.0.1:${port}`)
  t.after(() => session.destroy())
  const say = { ':path': '/test.v1.Deeds/Say', ':method': 'POST', 'content-type': 'application/grpc' }
  const ask = async (headers: Record<string, string>, body: Buffer = Buffer.alloc(0)) => {
    const stream = session.request({ ...say, ...headers })
    if (headers[':method'] !== 'GET') stream.end(body)
    const [answer] = await once(stream, 'response')
    let trailers: Record<string, unknown> = {}
    stream.on('trailers', (given) => {
      trailers = given
    })
    stream.resume()
    if (!stream.closed) await once(stream, 'close')
    return { status: answer[':status'], code: answer['grpc-status'] ?? trailers['grpc-status'] }
  }
  const whole = Buffer.from([0, 0, 0, 0, 1, 65])
  assert.equal((await ask({ ':method': 'GET' })).status, 405)
  assert.equal((await ask({ 'content-type': 'application/grpc-web' }, whole)).status, 415)
  const cases: readonly (readonly [headers: Record<string, string>, body: Buffer, code: number])[] = [
    [{}, Buffer.alloc(0), status.INTERNAL],
    [{}, whole.subarray(0, 5), status.INTERNAL],
    [{}, Buffer.concat([whole, whole]), status.INTERNAL],
    [{}, Buffer.from([2, 0, 0, 0, 0]), status.INTERNAL],
    [{}, Buffer.from([1, 0, 0, 0, 0]), status.INTERNAL],
    [{ 'grpc-encoding': 'gzip' }, Buffer.from([1, 0, 0, 0, 1, 0]), status.INTERNAL],
    [{}, Buffer.from([0, 255, 255, 255, 255]), status.RESOURCE_EXHAUSTED],
    [{ 'grpc-encoding': 'snappy' }, whole, status.UNIMPLEMENTED],
    [{ 'grpc-timeout': 'soon' }, whole, status.INTERNAL],
    [{ 'grpc-timeout': '5S' }, whole, status.OK],
  ]
  for (const [headers, body, code] of cases)
    assert.equal(Number((await ask(headers, body)).code), code, JSON.stringify([headers, body]))
})

test('health follows the pool and the stop; at the stop running calls end, and clients are told to go', async (t) => {
  const { port, rr } = await startGrpcServer(t, { grpc: ['access_logs: true'] })
  const { call, client } = grpcClient(t, port)
  const check = (name: string) =>
    call('/grpc.health.v1.Health/Check', {
      body: Buffer.concat([Buffer.from([0x0a, name.length]), Buffer.from(name)]),
    })
  for (const name of ['', 'test.v1.Deeds']) assert.deepEqual([...(await check(name)).bytes], [8, 1], name)
  assert.equal((await check('nobody')).code, status.NOT_FOUND)
  assert.match((await call('/grpc.health.v1.Health/List')).bytes.toString(), /test\.v1\.Deeds/)
  const watched = client.makeServerStreamRequest(
    '/grpc.health.v1.Health/Watch',
    (value: Buffer) => value,
    (bytes) => bytes[1],
    Buffer.alloc(0),
  )
  const seen: unknown[] = []
  const ended = new Promise<number>((resolve) => {
    watched.on('error', () => undefined)
    watched.on('status', ({ code }) => resolve(code))
  })
  watched.on('data', (value) => seen.push(value))
  await once(watched, 'data')
  const session = connect(`http://127.0.0.1:${port}`)
  t.after(() => session.destroy())
  await once(session, 'remoteSettings')
  const goaway = once(session, 'goaway')
  const running = call('Sleep', { body: '500' })
  await rr.line(isSleeping)
  rr.child.kill('SIGTERM')
  assert.equal((await running).code, status.OK)
  assert.equal(await ended, status.UNAVAILABLE)
  assert.deepEqual(seen, [1, 2])
  assert.equal((await goaway)[0], constants.NGHTTP2_NO_ERROR)
  assert.equal(await rr.ended, 0)
  const line = rr
    .lines()
    .find(({ message, method }) => message === 'call' && method === '/test.v1.Deeds/Sleep')
  assert.deepEqual([line?.level, line?.code], ['info', 'OK'])
})
