/** Middleware in front of the workers of `rr serve`: RoadRunner's, and those of plugins. */
import assert from 'node:assert/strict'
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import { rr } from '../helpers/command.js'
import { echoWorker, startHttpServer } from '../helpers/http.js'
import { projectFolder } from '../helpers/project.js'
import { testFolder } from '../helpers/rr.js'

/** A request that the worker answers with `head` and `text`. */
const says = (head: object, text = '') => ({
  method: 'POST',
  headers: { 'Content-Type': 'text/plain' },
  body: `${JSON.stringify({ status: 200, ...head })}\n${text}`,
})

async function publicFolder(t: TestContext) {
  const folder = await testFolder(t)
  await mkdir(join(folder, 'public/.well-known'), { recursive: true })
  const files = {
    'a.txt': '0123456789',
    'ä b.css': 'css',
    'x.php': '<?php',
    '.env': 'KEY=1',
    '.well-known/proof': 'yes',
  }
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, 'public', name), text)
  await writeFile(join(folder, 'secret.txt'), 'secret')
  return folder
}

test('static serves files with ranges and validators; all else goes to the workers', async (t) => {
  const folder = await publicFolder(t)
  const server = await startHttpServer(t, {
    folder,
    worker: echoWorker(),
    http: [
      'middleware: [static]',
      'static: { dir: public, calculate_etag: true, response: { X-File: "1" } }',
    ],
  })
  const file = await server.ask('/a.txt?v=1')
  assert.deepEqual([file.status, file.text, file.headers['x-file']], [200, '0123456789', '1'])
  assert.match(file.headers['content-type'] ?? '', /^text\/plain/)
  const part = await server.ask('/a.txt', { headers: { Range: 'bytes=2-4' } })
  assert.deepEqual([part.status, part.text, part.headers['content-range']], [206, '234', 'bytes 2-4/10'])
  assert.equal((await server.ask('/a.txt', { headers: { Range: 'bytes=20-' } })).status, 416)
  const etag = file.headers.etag ?? ''
  assert.equal((await server.ask('/a.txt', { headers: { 'If-None-Match': etag } })).status, 304)
  assert.equal((await server.ask('/a.txt', { method: 'HEAD' })).headers['content-length'], '10')
  assert.equal((await server.ask('/%C3%A4%20b.css')).text, 'css')
  assert.equal((await server.ask('/.well-known/proof')).text, 'yes')
  // The worker cannot read an empty body as an answer: 502 says that the request reached it.
  const others = [
    '/',
    '/x.php',
    '/X.PHP',
    '/.env',
    '/%2eenv',
    '/../secret.txt',
    '/%2e%2e/secret.txt',
    '/none.txt',
    '/a.txt/',
    '/%00',
  ]
  for (const path of others) assert.equal((await server.ask(path)).status, 502, path)
  assert.equal((await server.ask('/a.txt', says({ status: 202 }))).status, 202)
})

test('gzip compresses answers of workers that are long enough, and streams piece by piece', async (t) => {
  const server = await startHttpServer(t, { worker: echoWorker(), http: ['middleware: [gzip]'] })
  const ask = (text: string, encoding: string, headers = { 'Content-Type': ['text/html'] }) => {
    const asked = says({ headers }, text)
    return server.ask('/', { ...asked, headers: { ...asked.headers, 'Accept-Encoding': encoding } })
  }
  const gzip = await ask('FILL 5000', 'gzip')
  assert.deepEqual(
    [gzip.headers['content-encoding'], gunzipSync(gzip.bytes).toString()],
    ['gzip', 'x'.repeat(5000)],
  )
  assert.equal(gzip.headers.vary, 'Accept-Encoding')
  const brotli = await ask('FILL 5000', 'br, gzip')
  assert.equal(brotliDecompressSync(brotli.bytes).toString(), 'x'.repeat(5000))
  const short = await ask('tiny', 'gzip')
  assert.deepEqual([short.headers['content-encoding'], short.text], [undefined, 'tiny'])
  const image = await ask('FILL 5000', 'gzip', { 'Content-Type': ['image/png'] })
  assert.equal(image.headers['content-encoding'], undefined)
})

test('headers sets headers and answers cross-origin requests', async (t) => {
  const cors = [
    'cors:',
    '  allowed_origin: "https://a.example,https://*.b.example"',
    '  allowed_headers: "X-Token"',
    '  allowed_methods: "GET,PUT"',
    '  allow_credentials: true',
    '  exposed_headers: "X-Total"',
    '  max_age: 600',
  ].map((line) => `  ${line}`)
  const http = ['middleware: [headers]', 'headers:', '  response: { X-Server: us, X-App: ours }', ...cors]
  const server = await startHttpServer(t, { worker: echoWorker(), http })
  const asked = says({ headers: { 'X-App': ['worker'] } })
  const plain = await server.ask('/', asked)
  assert.deepEqual(
    [plain.headers['x-server'], plain.headers['x-app'], plain.headers.vary],
    ['us', 'worker', 'Origin'],
  )
  const cross = await server.ask('/', {
    ...asked,
    headers: { ...asked.headers, Origin: 'https://x.b.example' },
  })
  assert.equal(cross.headers['access-control-allow-origin'], 'https://x.b.example')
  assert.equal(cross.headers['access-control-allow-credentials'], 'true')
  assert.equal(cross.headers['access-control-expose-headers'], 'X-Total')
  const foreign = await server.ask('/', {
    ...asked,
    headers: { ...asked.headers, Origin: 'https://evil.example' },
  })
  assert.deepEqual([foreign.status, foreign.headers['access-control-allow-origin']], [200, undefined])
  const preflight = (method: string, headers: string) =>
    server.ask('/', {
      method: 'OPTIONS',
      headers: {
        Origin: 'https://a.example',
        'Access-Control-Request-Method': method,
        'Access-Control-Request-Headers': headers,
      },
    })
  const allowed = await preflight('PUT', 'x-token')
  assert.deepEqual([allowed.status, allowed.text], [200, ''])
  assert.equal(allowed.headers['access-control-allow-methods'], 'PUT')
  assert.equal(allowed.headers['access-control-allow-headers'], 'x-token')
  assert.equal(allowed.headers['access-control-max-age'], '600')
  assert.equal((await preflight('DELETE', '')).headers['access-control-allow-methods'], undefined)
  assert.equal((await preflight('PUT', 'x-other')).headers['access-control-allow-origin'], undefined)
})

test('sendfile sends the file that a worker names in place of its body', async (t) => {
  const folder = await publicFolder(t)
  const server = await startHttpServer(t, { folder, worker: echoWorker(), http: ['middleware: [sendfile]'] })
  const path = join(folder, 'public/a.txt')
  const file = await server.ask(
    '/',
    says({ headers: { 'X-Sendfile': [path], 'Content-Type': ['a/b'] } }, 'body'),
  )
  assert.deepEqual([file.status, file.text, file.headers['content-type']], [200, '0123456789', 'a/b'])
  assert.equal(file.headers['x-sendfile'], undefined)
  const up = await server.ask('/', says({ headers: { 'X-Sendfile': [`${folder}/public/../secret.txt`] } }))
  assert.deepEqual([up.status, up.text], [403, ''])
  assert.equal((await server.ask('/', says({ headers: { 'X-Sendfile': ['/nowhere'] } }))).status, 404)
  assert.equal((await server.ask('/', says({}, 'plain'))).text, 'plain')
})

test('proxy_ip_parser believes trusted proxies alone, and no address that a client made up', async (t) => {
  const server = await startHttpServer(t, {
    worker: echoWorker(),
    http: [
      'middleware: [proxy_ip_parser]',
      'trusted_subnets: [127.0.0.0/8, 10.0.0.0/8]',
      'access_logs: true',
    ],
  })
  const told: [headers: Record<string, string>, address: string][] = [
    [{}, '127.0.0.1'],
    [{ 'X-Forwarded-For': '6.6.6.6, 203.0.113.7, 10.1.2.3' }, '203.0.113.7'],
    [{ Forwarded: 'for="[2001:db8::1]:80";proto=https, for=10.0.0.1' }, '2001:db8::1'],
    [{ 'X-Real-Ip': '203.0.113.9' }, '203.0.113.9'],
    [{ 'X-Forwarded-For': 'nonsense' }, '127.0.0.1'],
  ]
  for (const [at, [headers, address]] of told.entries()) {
    const asked = says({})
    await server.ask(`/${at}`, { ...asked, headers: { ...asked.headers, ...headers } })
    const line = await server.rr.line(({ uri }) => uri === `/${at}`)
    assert.equal(line.remote, address, JSON.stringify(headers))
  }
})

test('middleware of a plugin is listed by its name; the last one listed sees a request first', async (t) => {
  const plugin = `import { definePlugin, HttpMiddleware } from 'relayrunner'
const named = (name) => definePlugin({
  name: \`plugin-\${name}\`,
  provides: HttpMiddleware,
  setup: () => ({ service: { name, handle: (request, response, next) => {
    response.appendHeader('X-Order', name)
    if (request.url === \`/fails-\${name}\`) throw Object.assign(new Error('no'), { status: 418 })
    if (request.url === \`/ends-\${name}\`) response.writeHead(204).end()
    else next()
  } } }),
})
export default named(NAME)
`
  const folder = await testFolder(t)
  await mkdir(join(folder, 'node_modules'))
  await symlink(projectFolder, join(folder, 'node_modules/relayrunner'))
  const files = { 'one.mjs': plugin.replace('NAME', "'one'"), 'two.mjs': plugin.replace('NAME', "'two'") }
  const server = await startHttpServer(t, {
    folder,
    files,
    worker: echoWorker(),
    more: ['plugins: [./one.mjs, ./two.mjs]'],
    http: ['middleware: [one, two]'],
  })
  assert.equal((await server.ask('/', says({}))).headers['x-order'], 'two, one')
  const ended = await server.ask('/ends-two', says({}))
  assert.deepEqual([ended.status, ended.headers['x-order']], [204, 'two'])
  assert.equal((await server.ask('/fails-one', says({}))).status, 418)
  await server.rr.line(({ message, middleware }) => message === 'a middleware failed' && middleware === 'one')
})

test('a middleware that nothing provides is a fault with the names that there are', async (t) => {
  const folder = await testFolder(t)
  const lines = [
    'version: "3"',
    `server: { command: ${echoWorker()} }`,
    'http: { address: "127.0.0.1:0", middleware: [statik] }',
  ]
  await writeFile(join(folder, 'rr.yaml'), lines.join('\n'))
  const { code, err } = await rr(folder, ['serve'])
  assert.notEqual(code, 0)
  assert.match(err, /http\.middleware names \\?"statik\\?", which nothing provides.*static, gzip, headers/s)
})
