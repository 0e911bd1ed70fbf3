/** gRPC over a real server with PHP workers, and Google's own client. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { status } from '@grpc/grpc-js'
import { grpcClient, startGrpcServer } from '../helpers/grpc.js'

test('a unary call reaches a worker as RoadRunner would send it, and its answer comes back', async (t) => {
  const { port, address } = await startGrpcServer(t)
  assert.match(address, /^grpc:\/\/127\.0\.0\.1:\d+$/)
  const { call } = grpcClient(t, port)
  const body = Buffer.from([0x0a, 0x03, 0x61, 0xff, 0x00])
  const told = await call('Say', {
    body,
    metadata: { 'x-id': '42', 'x-text-bin': Buffer.from('grün'), 'x-raw-bin': Buffer.from([0xff, 0xfe]) },
  })
  assert.equal(told.code, status.OK, told.message)
  const { service, method, context, body: came } = told.json()
  assert.deepEqual([service, method, came], ['test.v1.Deeds', 'Say', body.toString('base64')])
  assert.ok(typeof context === 'object' && context !== null)
  const { ':peer.address': peer, 'user-agent': agent, ...others } = context as Record<string, string[]>
  assert.match(String(peer), /^127\.0\.0\.1:\d+$/)
  assert.match(String(agent), /grpc-node-js/)
  assert.deepEqual(others, {
    ':authority': [`127.0.0.1:${port}`],
    'accept-encoding': ['identity'],
    'content-type': ['application/grpc'],
    'grpc-accept-encoding': ['identity,deflate,gzip'],
    'x-id': ['42'],
    'x-text-bin': ['grün'],
    'x-raw-bin': ['//4='],
  })
})

test('a worker sets headers and trailers, in the new way and in the old one', async (t) => {
  const { port, rr } = await startGrpcServer(t)
  const { call } = grpcClient(t, port)
  const now = await call('Meta', { body: 'm' })
  assert.equal(now.code, status.OK)
  assert.deepEqual(now.headers.get('x-head'), ['a'])
  assert.deepEqual(now.headers.get('x-number'), ['7'])
  assert.deepEqual(now.headers.get('x-raw-bin'), [Buffer.from('ÿ')])
  assert.deepEqual(now.trailers.get('x-trail'), ['c'])
  const skipped = await rr.line(({ message, name }) => /metadata/.test(message) && name === 'bad name')
  assert.equal(skipped.level, 'warn')
  const old = await call('OldMeta', { body: 'm' })
  assert.deepEqual(old.headers.get('x-old'), ['d'])
})

test('a worker ends a call with a status, its details and its metadata', async (t) => {
  const { port } = await startGrpcServer(t)
  const { call } = grpcClient(t, port)
  const plain = await call('Status')
  assert.deepEqual([plain.code, plain.message], [status.NOT_FOUND, 'no such thing'])
  const [details] = plain.trailers.get('grpc-status-details-bin')
  assert.ok(Buffer.isBuffer(details))
  assert.ok(details.includes(Buffer.from([0xff, 0x01])))
  const more = await call('StatusWithHeaders')
  assert.equal(more.code, status.NOT_FOUND)
  assert.deepEqual([more.headers.get('x-head'), more.trailers.get('x-trail')], [['a'], ['c']])
  const old = await call('OldStatus')
  assert.deepEqual([old.code, old.message], [status.PERMISSION_DENIED, 'denied: 100 % – no'])
  assert.equal(old.trailers.get('grpc-status-details-bin').length, 1)
  const thrown = await call('Throw')
  assert.deepEqual([thrown.code, thrown.message], [status.INTERNAL, 'told to fail'])
})

test('what nobody answers is UNIMPLEMENTED, streams are named at the start', async (t) => {
  const { port, rr } = await startGrpcServer(t)
  const { call } = grpcClient(t, port)
  const cases = [
    ['/test.v1.Nobody/Say', 'unknown service "test.v1.Nobody"'],
    ['/test.v1.Deeds/Nothing', 'unknown method "Nothing" for service test.v1.Deeds'],
    ['/test.v1.Deeds/Down', 'method Down of service test.v1.Deeds streams: workers answer unary calls only'],
    ['/test.v1.Deeds/Up', 'method Up of service test.v1.Deeds streams: workers answer unary calls only'],
    ['/one', 'malformed method name: "/one"'],
  ] as const
  for (const [path, message] of cases) {
    const told = await call(path)
    assert.deepEqual([told.code, told.message], [status.UNIMPLEMENTED, message])
  }
  const line = await rr.line(({ message }) => /that stream/.test(message))
  assert.deepEqual(line.methods, ['/test.v1.Deeds/Down', '/test.v1.Deeds/Up'])
  const imported = await call('/shared.Imported/Say', { body: 'x' })
  assert.equal(imported.json().service, 'shared.Imported')
})
