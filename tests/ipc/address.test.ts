import assert from 'node:assert/strict'
import { once } from 'node:events'
import { statSync } from 'node:fs'
import { createServer as createHttp, get } from 'node:http'
import { connect, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { listen } from '../../src/ipc/address.js'
import { testFolder } from '../helpers/rr.js'
import { eventually } from '../helpers/wait.js'

function server(t: TestContext): { readonly server: Server; readonly control: AbortController } {
  const one = createServer((socket) => socket.on('error', () => undefined).end('hello'))
  const control = new AbortController()
  t.after(() => control.abort())
  return { server: one, control }
}

async function reads(port: number, host: string): Promise<string> {
  const socket = connect(port, host)
  const chunks: Buffer[] = []
  for await (const chunk of socket) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

const portOf = (address: string) => Number(/:(\d+)$/.exec(address)?.[1])

test('a server listens on a host, with the real port in its address, until the signal aborts', async (t) => {
  for (const [given, shown] of [
    ['127.0.0.1:0', /^127\.0\.0\.1:\d+$/],
    ['tcp://127.0.0.1:0', /^127\.0\.0\.1:\d+$/],
    ['localhost:0', /^localhost:\d+$/],
  ] as const) {
    const { server: one, control } = server(t)
    const address = await listen(one, given, control.signal)
    assert.match(address, shown)
    assert.equal(await reads(portOf(address), address.split(':')[0] ?? ''), 'hello')
    control.abort()
    await once(one, 'close')
    await assert.rejects(reads(portOf(address), '127.0.0.1'), { code: 'ECONNREFUSED' })
    assert.equal(one.listenerCount('error') + one.listenerCount('close'), 0)
  }
})

test('a port without a host is every interface', async (t) => {
  const { server: one, control } = server(t)
  const address = await listen(one, ':0', control.signal)
  assert.match(address, /^:\d+$/)
  assert.equal(await reads(portOf(address), '127.0.0.1'), 'hello')
  // An address of this machine beside 127.0.0.1, which a server on loopback alone would not answer.
  assert.equal(await reads(portOf(address), '127.0.0.2'), 'hello')
})

test('a socket file is the owner’s alone, and is not taken from a server that lives', async (t) => {
  const path = join(await testFolder(t), 'web.sock')
  const [first, second] = [server(t), server(t)]
  assert.equal(await listen(first.server, `unix://${path}`, first.control.signal), `unix://${path}`)
  assert.equal(statSync(path).mode & 0o777, 0o600)
  await assert.rejects(listen(second.server, `unix://${path}`, second.control.signal), {
    code: 'RR_ADDRESS_IN_USE',
  })
  first.control.abort()
  await once(first.server, 'close')
  assert.equal(await listen(second.server, `unix://${path}`, second.control.signal), `unix://${path}`)
})

test('an address that cannot be had is told with the reason and what to do', async (t) => {
  const taken = server(t)
  const address = await listen(taken.server, '127.0.0.1:0', taken.control.signal)
  const cases: readonly [given: string, code: string, message: RegExp, hint: RegExp][] = [
    [address, 'RR_ADDRESS_IN_USE', /^127\.0\.0\.1:\d+ is in use$/, /Stop the program/],
    ['8080', 'RR_ADDRESS_INVALID', /"8080": expected HOST:PORT, :PORT or unix/, /Write :8080/],
    ['127.0.0.1:70000', 'RR_ADDRESS_INVALID', /expected HOST:PORT/, /^$/],
    ['::1:80', 'RR_ADDRESS_INVALID', /expected HOST:PORT/, /^$/],
    ['http://a:80', 'RR_ADDRESS_INVALID', /expected HOST:PORT/, /^$/],
    ['192.0.2.1:0', 'RR_ADDRESS_INVALID', /no interface of this machine/, /:PORT/],
    ['nowhere.invalid:80', 'RR_ADDRESS_INVALID', /cannot be resolved/, /IP address/],
  ]
  for (const [given, code, message, hint] of cases) {
    const { server: one, control } = server(t)
    const fault = await listen(one, given, control.signal).then(
      () => assert.fail(given),
      (error: unknown) => error,
    )
    assert.ok(fault instanceof Error && 'code' in fault && 'hint' in fault)
    assert.deepEqual([given, fault.code], [given, code])
    assert.match(fault.message, message)
    assert.match(String(fault.hint ?? ''), hint)
    assert.equal(one.listening, false)
  }
})

test('a signal that aborted before, or while the host is resolved, leaves no server that listens', async (t) => {
  const reason = new Error('stopped')
  const early = server(t)
  early.control.abort(reason)
  await assert.rejects(listen(early.server, '127.0.0.1:0', early.control.signal), reason)
  for (const given of ['localhost:0', '127.0.0.1:0', ':0']) {
    const { server: one, control } = server(t)
    const listening = listen(one, given, control.signal)
    control.abort(reason)
    await assert.rejects(listening, reason, given)
    await eventually(() => !one.listening)
  }
})

test('a server that somebody closes while it is about to listen is not waited for', async (t) => {
  const { server: one, control } = server(t)
  const listening = listen(one, ':0', control.signal)
  one.close()
  await assert.rejects(listening, { code: 'RR_ADDRESS_INVALID', message: /closed before it listened/ })
  assert.equal(one.listening, false)
})

test('an HTTP server that is closed by the signal answers what it has begun', async (t) => {
  const control = new AbortController()
  t.after(() => control.abort())
  const web = createHttp((_, response) => {
    control.abort()
    response.end('last')
  })
  const address = await listen(web, '127.0.0.1:0', control.signal)
  const [response] = await once(get(`http://${address}`), 'response')
  response.resume()
  assert.equal(response.statusCode, 200)
  await once(web, 'close')
})
