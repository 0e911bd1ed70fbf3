import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { networkInterfaces } from 'node:os'
import { type TestContext, test } from 'node:test'
import { type CallerFacts, callerFault } from '../../../../src/plugins/emulator/http/caller-check.js'
import { playApi } from '../../../helpers/api-client.js'

const plain: CallerFacts = {
  target: '/2018-06-01/runtime/invocation/next',
  hosts: ['127.0.0.1:9010'],
  origin: undefined,
  fetchSite: undefined,
  upgrade: undefined,
  localAddress: '127.0.0.1',
}

function statusOf(facts: Partial<CallerFacts>, hosts: readonly string[] = []): number | undefined {
  return callerFault({ ...plain, ...facts }, hosts)?.status
}

test('a host is ours by a loopback name, by the connection’s own address, or by emulator.hosts', () => {
  const ours = [
    ...['localhost', 'LOCALHOST:1', 'localhost.', 'localhost:', 'a.localhost', 'a.b.localhost:80'],
    ...['127.0.0.1', '127.9.9.9:65535', '[::1]', '[::1]:9010', '[0:0:0:0:0:0:0:1]', '[::ffff:127.0.0.1]:9'],
    ...['[::FFFF:7f00:1]', '[::1%lo]:9010'],
  ]
  for (const host of ours) assert.equal(statusOf({ hosts: [host] }), undefined, host)
  const foreign = [
    ...[
      'evil.example',
      'evil.example:9010',
      'localhost.evil.example',
      '127.0.0.1.evil.example',
      'notlocalhost',
    ],
    ...['evil.example@127.0.0.1', '127.0.0.1@evil.example', 'a:b@localhost', 'localhost:9010@evil.example'],
    ...[
      '0.0.0.0',
      '192.168.1.7:9010',
      '[::]',
      '[fe80::1]',
      '169.254.169.254',
      '127.1',
      '2130706433',
      '0x7f.1',
    ],
    ...[
      '',
      ' ',
      '.',
      'localhost..',
      'localhost:99999',
      'localhost:x',
      '[::1',
      '::1',
      '[localhost]',
      'localhost,evil',
    ],
    ...['localhost/..', 'localhost evil.example', 'local\u0000host', 'localhost#evil.example', 'ｌocalhost'],
  ]
  for (const host of foreign) assert.equal(statusOf({ hosts: [host] }), 421, host)
  assert.equal(statusOf({ hosts: [] }), 421)
  assert.equal(statusOf({ hosts: ['127.0.0.1', '127.0.0.1'] }), 400)
})

test('an address literal counts only where it is the connection’s own', () => {
  const cases = [
    ['192.168.1.7', '192.168.1.7:9010'],
    ['::ffff:192.168.1.7', '192.168.1.7'],
    ['fe80::1%eth0', '[fe80::1]:9010'],
    ['fd00::7', '[FD00:0::7]'],
  ] as const
  for (const [localAddress, host] of cases) {
    assert.equal(statusOf({ localAddress, hosts: [host] }), undefined, host)
    assert.equal(statusOf({ localAddress: '10.0.0.1', hosts: [host] }), 421, host)
  }
})

test('emulator.hosts adds names and addresses, in whatever spelling, and nothing below or above them', () => {
  const extra = ['lambda', 'Host.Docker.Internal.', '10.1.2.3', '[FD00::8]']
  for (const host of [
    'lambda:8080',
    'LAMBDA',
    'host.docker.internal',
    'lambda.',
    '10.1.2.3:1',
    '[fd00:0::8]',
  ])
    assert.equal(statusOf({ hosts: [host] }, extra), undefined, host)
  for (const host of [
    'a.lambda',
    'lambda.evil.example',
    'docker.internal',
    '10.1.2.4',
    '__proto__',
    'constructor',
  ])
    assert.equal(statusOf({ hosts: [host] }, extra), 421, host)
})

test('a target in absolute form has to name us, too', () => {
  assert.equal(statusOf({ target: 'http://localhost:9010/2018-06-01/ping' }), undefined)
  for (const target of [
    'http://evil.example/',
    'HTTPS://evil.example',
    'http://127.0.0.1@evil.example/',
    'ws://x/',
  ])
    assert.equal(statusOf({ target }), 421, target)
  assert.equal(statusOf({ target: 'http://localhost/', hosts: ['evil.example'] }), 421)
})

test('a page of another origin or site is refused, our own and what says nothing pass', () => {
  const passing: readonly Partial<CallerFacts>[] = [
    {},
    { origin: 'http://127.0.0.1:9010' },
    { origin: 'HTTP://127.0.0.1:9010', fetchSite: 'same-origin' },
    { origin: 'https://127.0.0.1:9010' },
    { origin: 'http://localhost', hosts: ['localhost:80'] },
    { origin: 'https://localhost:443', hosts: ['localhost'] },
    { fetchSite: 'none' },
    { upgrade: 'h2c' },
  ]
  for (const facts of passing) assert.equal(statusOf(facts), undefined, JSON.stringify(facts))
  const refused: readonly Partial<CallerFacts>[] = [
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { origin: '' },
    { origin: 'http://127.0.0.1:9011' },
    { origin: 'http://localhost:9010' },
    { origin: 'http://127.0.0.1:9010, https://evil.example' },
    { origin: 'http://127.0.0.1:9010/' },
    { origin: 'http://a@127.0.0.1:9010' },
    { origin: 'file://' },
    { origin: 'chrome-extension://abc' },
    { origin: 'http://127.0.0.1:9010.evil.example' },
    { fetchSite: 'cross-site' },
    { fetchSite: 'Cross-Site' },
    { fetchSite: 'same-site' },
    { fetchSite: '' },
    { fetchSite: 'same-origin, cross-site' },
    { fetchSite: 'same-origin', origin: 'https://evil.example' },
    { upgrade: 'websocket' },
    { upgrade: 'WebSocket', origin: 'http://127.0.0.1:9010' },
  ]
  for (const facts of refused) assert.equal(statusOf(facts), 403, JSON.stringify(facts))
})

test('what a refusal repeats of a request has no control characters and is short', () => {
  const fault = callerFault({ ...plain, hosts: [`\u001b[2J\u0007${'x'.repeat(5000)}`] }, [])
  assert.match(fault?.errorMessage ?? '', /emulator\.hosts/)
  assert.doesNotMatch(fault?.errorMessage ?? '', /[^\x20-\x7e]/)
  assert.ok((fault?.errorMessage ?? '').length < 300)
})

/** Sends bytes on a connection of its own; resolves with all that comes back until the other side closes or has answered. */
async function raw(address: string, text: string, t: TestContext): Promise<string> {
  const [host = '', port = ''] = address.split(':')
  const socket = connect(Number(port), host)
  t.after(() => socket.destroy())
  let answer = ''
  socket.on('data', (bytes: Buffer) => {
    answer += bytes.toString('latin1')
    if (/\r\n\r\n/.test(answer)) socket.end()
  })
  socket.on('error', () => undefined)
  socket.end(text)
  await once(socket, 'close')
  return answer
}

test('no method and no path of the emulator lets a web page in, and no answer has CORS headers', async (t) => {
  let isRouted = false
  const route = () => {
    isRouted = true
    return undefined
  }
  const api = await playApi(t, { route })
  const paths = [
    ['POST', '/2015-03-31/functions/function/invocations'],
    ['POST', '/2021-11-15/functions/function/response-streaming-invocations'],
    ['GET', '/2018-06-01/runtime/invocation/next'],
    ['POST', '/2018-06-01/runtime/invocation/id/response'],
    ['POST', '/2018-06-01/runtime/init/error'],
    ['GET', '/2018-06-01/runtime/restore/next'],
    ['GET', '/2018-06-01/ping'],
    ['POST', '/2020-01-01/extension/register'],
    ['GET', '/2020-01-01/extension/event/next'],
    ['POST', '/'],
    ['OPTIONS', '/'],
    ['HEAD', '/2018-06-01/ping'],
    ['GET', '/nothing'],
    ['OPTIONS', '*'],
    ['GET', 'http://evil.example/2018-06-01/ping'],
  ] as const
  const own = api.server.address
  const heads = [
    [`Host: ${own}\r\nOrigin: https://evil.example`, 403],
    [`Host: ${own}\r\nSec-Fetch-Site: cross-site`, 403],
    [`Host: ${own}\r\nOrigin: null\r\nAccess-Control-Request-Method: POST`, 403],
    [`Host: ${own}\r\nOrigin: http://${own}\r\nOrigin: https://evil.example`, 403],
    [`Host: ${own}\r\nSec-Fetch-Site: same-origin\r\nsec-fetch-site: cross-site`, 403],
    [`Host: ${own}\r\nConnection: Upgrade\r\nUpgrade: websocket`, 403],
    ['Host: evil.example\r\nX-Amz-Target: AmazonSQS.PurgeQueue', 421],
    ['Host: evil.example\r\nOrigin: http://evil.example\r\nSec-Fetch-Site: same-origin', 421],
    [`Host: ${own}\r\nHost: evil.example`, 400],
    ['Host: evil.example\r\nExpect: 100-continue', 421],
  ] as const
  for (const [method, path] of paths) {
    for (const [head, wanted] of heads) {
      const what = `${method} ${path} ${head}`
      const answer = await raw(own, `${method} ${path} HTTP/1.1\r\n${head}\r\nContent-Length: 2\r\n\r\n{}`, t)
      const expected = path.startsWith('http://') && wanted === 403 ? 421 : wanted
      assert.match(answer, new RegExp(`^HTTP/1\\.1 ${expected} `), what)
      assert.doesNotMatch(answer, /access-control/i, what)
    }
  }
  assert.equal(isRouted, false)
  assert.match(await raw(own, 'GET /2018-06-01/ping HTTP/1.0\r\n\r\n', t), /^HTTP\/1\.1 421 /)
  assert.match(await raw(own, 'GET /2018-06-01/ping HTTP/1.1\r\n\r\n', t), /^HTTP\/1\.1 400 /)
  assert.match(await raw(own, `GET /2018-06-01/ping HTTP/1.0\r\nHost: ${own}\r\n\r\n`, t), /^HTTP\/1\.1 200 /)
  assert.equal(api.server.state.hasWaiting, false)
})

test('an emulator on all addresses answers by the address that was connected to, and by no other one', async (t) => {
  const api = await playApi(t, { address: '0.0.0.0:0' })
  const port = api.server.address.split(':')[1]
  const outer = Object.values(networkInterfaces())
    .flatMap((one) => one ?? [])
    .filter(({ family, internal }) => family === 'IPv4' && !internal)
    .map(({ address }) => address)
  for (const address of ['127.0.0.1', ...outer]) {
    const ping = (host: string) =>
      raw(`${address}:${port}`, `GET /2018-06-01/ping HTTP/1.1\r\nHost: ${host}\r\n\r\n`, t)
    assert.match(await ping(`${address}:${port}`), /^HTTP\/1\.1 200 /)
    assert.match(await ping(`0.0.0.0:${port}`), /^HTTP\/1\.1 421 /)
  }
})
