/** `rr serve` with HTTP: what workers are told, what clients are answered, and what becomes of both when something goes wrong. */
import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { ask, echoWorker, type HttpServer, phpWorker, startHttpServer } from '../helpers/http.js'
import { missing } from '../helpers/project.js'
import { startRr, testFolder } from '../helpers/rr.js'
import { eventually } from '../helpers/wait.js'

const skip = missing('php')
const codecs = process.env.PSR7_CODECS?.split(',') ?? ['json', 'proto']
const form = { 'Content-Type': 'application/x-www-form-urlencoded' }

for (const codec of codecs) {
  test(`a PHP worker is told the whole request, and all it says goes back (${codec})`, {
    skip,
  }, async (t) => {
    const server = await startHttpServer(t, { http: [`codec: ${codec}`] })
    const answer = await server.ask('/echo/a%20b?a%5B%5D=1&a%5B%5D=2&q=x%20y', {
      method: 'PATCH',
      headers: {
        Host: 'shop.example:81',
        Accept: 'a/b',
        Cookie: 'sid=a%20b; theme=dark',
        'x-two': ['1', '2'],
      },
      body: Buffer.from([0, 255, 1]),
    })
    assert.equal(answer.status, 201)
    assert.deepEqual(answer.headers['set-cookie'], ['s=1; Path=/', 't=2'])
    assert.equal(answer.headers['x-app'], 'a, b')
    assert.equal(Number(answer.headers['content-length']), answer.bytes.length)
    const { pid, requestId, ...request } = JSON.parse(answer.text)
    assert.deepEqual([typeof pid, requestId], ['number', null])
    assert.deepEqual(request, {
      method: 'PATCH',
      uri: 'http://shop.example:81/echo/a%20b?a%5B%5D=1&a%5B%5D=2&q=x%20y',
      protocol: '1.1',
      address: '127.0.0.1',
      query: { a: ['1', '2'], q: 'x y' },
      headers: {
        Accept: ['a/b'],
        Cookie: ['sid=a%20b; theme=dark'],
        'X-Two': ['1', '2'],
        Connection: ['close'],
        ...(request.headers['Content-Length'] === undefined ? {} : { 'Content-Length': ['3'] }),
      },
      cookies: { sid: 'a b', theme: 'dark' },
      parsed: null,
      uploads: {},
      body: 'AP8B',
    })
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, at) => at))
    assert.deepEqual((await server.ask('/binary')).bytes, bytes)
  })

  test(`forms become trees, and uploads files that are gone afterwards (${codec})`, { skip }, async (t) => {
    const uploads = await testFolder(t)
    const server = await startHttpServer(t, { http: [`codec: ${codec}`, `uploads: { dir: "${uploads}" }`] })
    const posted = await server.ask('/', { method: 'POST', headers: form, body: 'a[b][]=1&a[b][]=2&c=d+e' })
    assert.deepEqual(JSON.parse(posted.text).parsed, { a: { b: ['1', '2'] }, c: 'd e' })
    const empty = await server.ask('/', { method: 'POST', headers: form })
    assert.deepEqual(JSON.parse(empty.text).parsed, [])
    const part = (name: string, content: string) =>
      `--X\r\nContent-Disposition: form-data; ${name}\r\n\r\n${content}\r\n`
    const body = `${part('name="t[x]"', 'T')}${part('name="f[]"; filename="a.txt"', 'one')}${part('name="f[]"; filename="b.php"', 'two')}--X--\r\n`
    const headers = { 'Content-Type': 'multipart/form-data; boundary=X' }
    const told = JSON.parse((await server.ask('/', { method: 'POST', headers, body })).text)
    assert.deepEqual(told.parsed, { t: { x: 'T' } })
    assert.deepEqual(
      told.uploads.f.map(({ name, size, error, content }: Record<string, unknown>) => [
        name,
        size,
        error,
        content,
      ]),
      [
        ['a.txt', 3, 0, Buffer.from('one').toString('base64')],
        // As in RoadRunner `.php` is refused unless the file says otherwise.
        ['b.php', 3, 8, ''],
      ],
    )
    await eventually(async () => (await readdir(uploads)).length === 0)
    const bad = await server.ask('/', { method: 'POST', headers: form, body: 'a=%' })
    assert.deepEqual([bad.status, /not percent-encoded/.test(bad.text)], [400, true])
  })

  test(`streams, hints, repeated heads and trailers reach the client (${codec})`, { skip }, async (t) => {
    const server = await startHttpServer(t, { http: [`codec: ${codec}`] })
    const many = await server.ask('/many')
    assert.equal(many.text, Array.from({ length: 40 }, (_, at) => `piece ${at + 1};`).join(''))
    assert.deepEqual([many.headers['transfer-encoding'], many.headers['x-app']], ['chunked', 'a'])
    const hinted = await server.ask('/hinted')
    assert.deepEqual(
      hinted.hints.map(({ status, headers }) => [status, headers.link]),
      [[103, '</a.css>; rel=preload']],
    )
    assert.deepEqual([hinted.status, hinted.text], [200, 'one;two;'])
    assert.deepEqual([hinted.headers['x-app'], hinted.headers['set-cookie']], ['a', ['s=1', 't=2']])
    const { trailers, headers, text } = await server.ask('/trailers')
    assert.deepEqual([text, headers.trailer, { ...trailers }], ['body', 'X-Sum', { 'x-sum': '42' }])
    const head = await server.ask('/many', { method: 'HEAD' })
    assert.deepEqual([head.status, head.text], [200, ''])
  })

  test(`a client that leaves a stream ends it in the worker, which stays (${codec})`, { skip }, async (t) => {
    const server = await startHttpServer(t, { http: [`codec: ${codec}`] })
    const { pid } = JSON.parse((await server.ask('/')).text)
    const client = await server.connect()
    client.socket.write('GET /endless HTTP/1.1\r\nHost: x\r\n\r\n')
    await client.until(/x{1000}/)
    client.socket.destroy()
    await server.rr.line(({ message }) => message === 'stopped')
    assert.equal(JSON.parse((await server.ask('/')).text).pid, pid)
  })
}

test('the status says whose fault it was; the log says the rest', { skip }, async (t) => {
  const server = await startHttpServer(t, { pool: 'supervisor: { exec_ttl: 500ms }' })
  const statuses = []
  for (const path of ['/error', '/die', '/sleep?ms=60000']) {
    const { status, text } = await server.ask(path)
    statuses.push([status, text])
  }
  assert.deepEqual(statuses, [
    [500, ''],
    [502, ''],
    [504, ''],
  ])
  const failed = server.rr.lines().filter(({ message }) => message === 'a request failed')
  assert.deepEqual(
    failed.map(({ error }) => Object(error).code),
    ['RR_JOB_FAILED', 'RR_WORKER_CRASHED', 'RR_WORKER_TIMEOUT'],
  )
  assert.equal((await server.ask('/')).status, 201)
})

test('internal_error_code is the status of every fault of a pool', { skip }, async (t) => {
  const server = await startHttpServer(t, {
    pool: 'queue_timeout: 50ms, supervisor: { exec_ttl: 1s }',
    http: ['internal_error_code: 599'],
  })
  const [slept, full] = await Promise.all([server.ask('/sleep?ms=60000'), server.ask('/')])
  assert.deepEqual([slept.status, full.status], [599, 599])
  assert.equal((await server.ask('/error')).status, 599)
})

test('a request that finds no free worker is answered with 503, and told when to come again', {
  skip,
}, async (t) => {
  const server = await startHttpServer(t, { pool: 'queue_timeout: 100ms' })
  const slow = server.ask('/sleep?ms=800')
  await eventually(async () => {
    const full = await server.ask('/')
    if (full.status !== 503) return false
    assert.deepEqual([full.headers['retry-after'], full.headers['no-workers']], ['1', 'true'])
    return true
  })
  assert.equal((await slow).text, 'slept')
})

test('a client that leaves the line frees its place: its request never runs', { skip }, async (t) => {
  const server = await startHttpServer(t, { pool: 'max_queue_size: 2' })
  const slow = server.ask('/sleep?ms=1000')
  await sleeping(server)
  const client = await server.connect()
  client.socket.write('GET /die HTTP/1.1\r\nHost: x\r\n\r\n')
  // The line has room for one: a second one is refused until the first has left.
  await eventually(async () => (await server.ask('/')).status === 503)
  client.socket.destroy()
  await eventually(async () => (await server.ask('/')).status === 201)
  assert.equal((await slow).text, 'slept')
  assert.ok(!server.rr.lines().some(({ message }) => message === 'worker ended by itself'))
})

test('a body over max_request_size is refused with 413, whether it is announced or not', async (t) => {
  const server = await startHttpServer(t, { worker: echoWorker(), http: ['max_request_size: 1'] })
  const body = Buffer.alloc(1024 * 1024 + 1, 'x')
  const headers = { 'Content-Type': 'text/plain', Connection: 'close' }
  assert.equal((await server.ask('/', { method: 'POST', headers, body })).status, 413)
  const chunked = { ...headers, 'Transfer-Encoding': 'chunked' }
  assert.equal((await server.ask('/', { method: 'POST', headers: chunked, body })).status, 413)
})

test('running requests end at a stop, and connections close with their answers', { skip }, async (t) => {
  const server = await startHttpServer(t)
  const idle = await server.connect()
  idle.socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  await idle.until(/"pid":\d+\}$/)
  const client = await server.connect()
  client.socket.write('GET /sleep?ms=700 HTTP/1.1\r\nHost: x\r\n\r\n')
  await sleeping(server)
  server.rr.child.kill('SIGTERM')
  await idle.ended
  assert.match(await client.ended, /^HTTP\/1\.1 200 [\s\S]*\r\nConnection: close\r\n[\s\S]*slept$/)
  assert.equal(await server.rr.ended, 0)
})

test('access_logs writes a line for each request, also for one whose client left', { skip }, async (t) => {
  const server = await startHttpServer(t, { http: ['access_logs: true'] })
  await server.ask('/binary?x=1', { headers: { 'User-Agent': 'me', Referer: 'there', Host: 'h' } })
  const line = await server.rr.line(({ message }) => message === 'request')
  const { status, method, uri, host, remote, protocol, bytes, userAgent, referer, logger } = line
  assert.deepEqual(
    { status, method, uri, host, remote, protocol, bytes, userAgent, referer, logger },
    {
      ...{
        status: 200,
        method: 'GET',
        uri: '/binary?x=1',
        host: 'h',
        remote: '127.0.0.1',
        protocol: 'HTTP/1.1',
      },
      ...{ bytes: 256, userAgent: 'me', referer: 'there', logger: 'http' },
    },
  )
  assert.match(String(line.elapsed), /^\d+(\.\d+)?ms$/)
  const client = await server.connect()
  client.socket.write('GET /sleep?ms=300 HTTP/1.1\r\nHost: x\r\n\r\n')
  await sleeping(server)
  client.socket.destroy()
  assert.equal((await server.rr.line(({ uri: one }) => one === '/sleep?ms=300')).status, 499)
})

test('Laravel Octane finds a line for each request at the level debug', { skip }, async (t) => {
  const server = await startHttpServer(t, { more: ['logs: { level: debug }'] })
  await server.ask('/binary', { headers: { Host: 'h' } })
  const line = await server.rr.line(({ remote }) => remote !== undefined)
  assert.deepEqual([line.message, line.level, line.remote], ['200 GET http://h/binary', 'debug', '127.0.0.1'])
})

test('heads that are too large or come too slowly are refused', async (t) => {
  const limits = 'limits: { head_size: 4KB, head_timeout: 1s, idle_timeout: 1s, connections: 2 }'
  const server = await startHttpServer(t, { worker: echoWorker(), http: [limits] })
  const large = await server.connect()
  large.socket.write(`GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(8192)}\r\n\r\n`)
  assert.match(await large.ended, /^HTTP\/1\.1 431 /)
  large.socket.destroy()
  const slow = await server.connect()
  slow.socket.write('GET / HTTP/1.1\r\nHost: x\r\n')
  const idle = await server.connect()
  idle.socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 14\r\n\r\n{"status":200}')
  await idle.until(/200 OK/)
  const third = await server.connect()
  assert.equal(await third.ended, '')
  assert.match(await slow.ended, /^HTTP\/1\.1 408 /)
  await idle.ended
})

test('a file of RoadRunner with http starts as it stands', { skip }, async (t) => {
  const folder = await testFolder(t)
  const file = `version: "3"
server:
  command: "${phpWorker}"
  relay: pipes
http:
  address: 127.0.0.1:0
  max_request_size: 256
  access_logs: false
  uploads:
    forbid: [".php", ".exe", ".bat"]
  pool:
    num_workers: 2
    max_jobs: 64
    allocate_timeout: 60s
    destroy_timeout: 60s
    supervisor:
      watch_tick: 1s
      ttl: 0s
      max_worker_memory: 128
      exec_ttl: 60s
`
  const rr = await startRr(t, ['serve', '-c', join(folder, '.rr.yaml')], {
    folder,
    files: { '.rr.yaml': file },
  })
  // Its log has RoadRunner's shape.
  const { http } = await rr.line((line) => line.msg === 'server started')
  const port = Number(/:(\d+)$/.exec(String(http))?.[1])
  assert.equal((await ask(port, '/')).status, 201)
})

/** Resolves when a worker sleeps in its job. */
function sleeping({ rr }: HttpServer): Promise<unknown> {
  return rr.line(({ message }) => message === 'sleeping')
}
