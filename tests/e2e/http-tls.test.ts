/** HTTPS, HTTP/2 and h2c of `rr serve`, and pools that are chosen by path. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { copyFile, readFile } from 'node:fs/promises'
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2'
import { request } from 'node:https'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import { echoWorker, phpWorker, startHttpServer } from '../helpers/http.js'
import { fixture, missing } from '../helpers/project.js'
import { testFolder } from '../helpers/rr.js'
import { eventually } from '../helpers/wait.js'

const skip = missing('php')
const tls = (name: string) => fixture('tls', name)

interface Got {
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly text: string
  readonly trailers?: Readonly<Record<string, unknown>>
}

async function secure(t: TestContext, more: readonly string[] = [], http: readonly string[] = []) {
  const folder = await testFolder(t)
  for (const kind of ['key', 'crt']) await copyFile(tls(`one.${kind}`), join(folder, `tls.${kind}`))
  const ssl = [
    'ssl:',
    '  address: 127.0.0.1:0',
    '  key: tls.key',
    '  cert: tls.crt',
    ...more.map((line) => `  ${line}`),
  ]
  const server = await startHttpServer(t, { folder, http: [...ssl, ...http] })
  const line = server.rr.lines().find(({ https }) => https !== undefined)
  return { ...server, folder, securePort: Number(/:(\d+)$/.exec(String(line?.https))?.[1]) }
}

async function ask1(port: number, path: string): Promise<Got> {
  const asked = request({ port, path, rejectUnauthorized: false, agent: false }).end()
  const [answer] = await once(asked, 'response')
  let text = ''
  for await (const chunk of answer) text += chunk
  return { status: answer.statusCode, headers: answer.headers, text }
}

async function ask2(session: ClientHttp2Session, headers: Record<string, string>, body = ''): Promise<Got> {
  const stream = session.request({ ':path': '/', ...headers }, { endStream: body === '' })
  if (body !== '') stream.end(body)
  let trailers = {}
  stream.on('trailers', (given) => {
    // Without the symbol that node:http2 adds.
    trailers = Object.fromEntries(Object.entries(given))
  })
  const [answer] = await once(stream, 'response')
  let text = ''
  for await (const chunk of stream) text += chunk
  return { status: Number(answer[':status']), headers: answer, text, trailers }
}

test('HTTPS serves HTTP/1.1 and HTTP/2, and tells workers so', { skip }, async (t) => {
  const { securePort } = await secure(t)
  const plain = await ask1(securePort, '/echo?x=1')
  const told1 = JSON.parse(plain.text)
  assert.deepEqual([told1.uri, told1.protocol], [`https://localhost:${securePort}/echo?x=1`, '1.1'])
  const session = connectHttp2(`https://localhost:${securePort}`, { rejectUnauthorized: false })
  t.after(() => session.destroy())
  const posted = { ':method': 'POST', ':path': '/echo?y=2', cookie: 'a=b', 'x-one': '1' }
  const told2 = JSON.parse((await ask2(session, posted, 'hello')).text)
  assert.deepEqual(
    [told2.uri, told2.protocol, told2.method, told2.cookies, Buffer.from(told2.body, 'base64').toString()],
    [`https://localhost:${securePort}/echo?y=2`, '2.0', 'POST', { a: 'b' }, 'hello'],
  )
  assert.deepEqual(told2.headers, { Cookie: ['a=b'], 'X-One': ['1'] })
  assert.equal((await ask2(session, { ':path': '/many' })).text.split(';').length, 41)
  assert.deepEqual((await ask2(session, { ':path': '/trailers' })).trailers, { 'x-sum': '42' })
  const failed = await ask2(session, { ':path': '/die' })
  assert.equal(failed.status, 502)
  // All at once, over one connection.
  const many = await Promise.all(Array.from({ length: 20 }, (_, at) => ask2(session, { ':path': `/${at}` })))
  assert.ok(many.every(({ status }) => status === 201))
})

test('certificates are read again when their files change', { skip }, async (t) => {
  const { securePort, folder, rr } = await secure(t)
  const subject = async () => {
    const socket = connectTls({ port: securePort, rejectUnauthorized: false })
    await once(socket, 'secureConnect')
    const { CN } = socket.getPeerCertificate().subject
    socket.destroy()
    return CN
  }
  assert.equal(await subject(), 'one.test')
  for (const kind of ['key', 'crt']) await copyFile(tls(`two.${kind}`), join(folder, `tls.${kind}`))
  await rr.line(({ message }) => message === 'certificates were read again')
  await eventually(async () => (await subject()) === 'two.test')
})

test('clients must bring the certificates that client_auth_type asks for', { skip }, async (t) => {
  const ca = tls('two.crt')
  const { securePort } = await secure(t, [
    `root_ca: ${ca}`,
    'client_auth_type: require_and_verify_client_cert',
  ])
  const ask = async (name: string | undefined) => {
    const files =
      name === undefined
        ? {}
        : { key: await readFile(tls(`${name}.key`)), cert: await readFile(tls(`${name}.crt`)) }
    const asked = request({
      port: securePort,
      path: '/binary',
      rejectUnauthorized: false,
      agent: false,
      ...files,
    }).end()
    const [answer] = await once(asked, 'response')
    answer.resume()
    return answer.statusCode
  }
  assert.equal(await ask('two'), 200)
  await assert.rejects(ask('one'))
  await assert.rejects(ask(undefined))
})

test('with redirect plain requests are sent to HTTPS', { skip }, async (t) => {
  const { port, ask } = await secure(t, ['redirect: true'])
  const { status, headers } = await ask('/a?b=c', { headers: { Host: `shop.example:${port}` } })
  assert.equal(status, 308)
  assert.match(headers.location ?? '', /^https:\/\/shop\.example:\d+\/a\?b=c$/)
})

for (const middleware of ['', 'middleware: [gzip]'])
  test(`h2c serves clients that begin with HTTP/2, and others as ever (${middleware || 'bare'})`, {
    skip,
  }, async (t) => {
    const server = await startHttpServer(t, { http: ['http2: { h2c: true }', middleware] })
    const session = connectHttp2(`http://127.0.0.1:${server.port}`)
    t.after(() => session.destroy())
    const told = JSON.parse((await ask2(session, { ':path': '/a' })).text)
    assert.deepEqual([told.protocol, told.uri], ['2.0', `http://127.0.0.1:${server.port}/a`])
    assert.equal((await server.ask('/')).status, 201)
    // A running request ends at a stop; the session takes no other one.
    const slow = ask2(session, { ':path': '/sleep?ms=500' })
    await server.rr.line(({ message }) => message === 'sleeping')
    server.rr.child.kill('SIGTERM')
    assert.equal((await slow).text, 'slept')
    assert.equal(await server.rr.ended, 0)
  })

test('pools are chosen by path: a slow one does not hold up the others', { skip }, async (t) => {
  const pools = [
    'pools:',
    `  slow: { match: ["/sleep", "/die*"], num_workers: 1, queue_timeout: 100ms, command: "${phpWorker}" }`,
  ]
  const server = await startHttpServer(t, {
    http: pools,
    pool: `command: "${phpWorker}"`,
    worker: echoWorker(),
  })
  const slow = server.ask('/sleep?ms=1500')
  await server.rr.line(({ message, pool }) => message === 'sleeping' && pool === 'http-slow')
  assert.equal((await server.ask('/other')).status, 201)
  assert.equal((await server.ask('/sleep?ms=1')).status, 503)
  assert.equal((await server.ask('/diet')).status, 503)
  assert.equal((await slow).text, 'slept')
})
