/** The examples of HTTP answer as their pages say; events arrive one by one, behind compression, too. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { get } from 'node:http'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { createGunzip } from 'node:zlib'
import { ask } from '../helpers/http.js'
import { missing, projectFolder } from '../helpers/project.js'
import { started, startRr, testFolder } from '../helpers/rr.js'

/** Starts an example on a free port. */
async function start(t: TestContext, name: string) {
  const root = await testFolder(t)
  const folder = join(root, 'examples', name)
  await cp(join(projectFolder, 'examples', name), folder, { recursive: true })
  await symlink(join(projectFolder, 'workers'), join(root, 'workers'))
  const modules = join(root, 'node_modules')
  await mkdir(join(modules, 'helmet'), { recursive: true })
  await symlink(projectFolder, join(modules, 'relayrunner'))
  // The package is not installed here: middleware of the same shape takes its place.
  await writeFile(
    join(modules, 'helmet/index.mjs'),
    `export default () => (request, response, next) => { response.setHeader('X-Frame-Options', 'SAMEORIGIN'); next() }\n`,
  )
  await writeFile(join(modules, 'helmet/package.json'), '{"name":"helmet","exports":"./index.mjs"}')
  const text = await readFile(join(folder, 'rr.yaml'), 'utf8')
  assert.match(text, /127\.0\.0\.1:8080/)
  const rr = await startRr(t, ['serve'], { folder, config: text.replace('127.0.0.1:8080', '127.0.0.1:0') })
  const port = Number(/:(\d+)$/.exec(String((await started(rr)).http))?.[1])
  return { rr, port, ask: (path: string, options = {}) => ask(port, path, options) }
}

/** Events of a compressed stream, as often as another one has arrived by itself. */
async function pieces(port: number) {
  const request = get({ port, path: '/events', headers: { 'Accept-Encoding': 'gzip' }, agent: false })
  const [answer] = await once(request, 'response')
  assert.equal(answer.headers['content-encoding'], 'gzip')
  const arrived: string[] = []
  const text = answer.pipe(createGunzip()).setEncoding('utf8')
  for await (const piece of text) arrived.push(String(piece))
  return arrived
}

const five = [1, 2, 3, 4, 5].map((count) => `data: ${count}\n\n`).join('')

test('examples/http-php serves pages, uploads, events and files', { skip: missing('php') }, async (t) => {
  const { port, ask: asked } = await start(t, 'http-php')
  const page = await asked('/')
  assert.deepEqual([page.status, page.headers['x-content-type-options']], [200, 'nosniff'])
  assert.match(page.text, /<form method="post"/)
  const content = 'x'.repeat(70 * 1024 * 1024)
  const body = `--B\r\nContent-Disposition: form-data; name="file"; filename="big.bin"\r\n\r\n${content}\r\n--B--\r\n`
  const headers = { 'Content-Type': 'multipart/form-data; boundary=B' }
  const upload = await asked('/upload', { method: 'POST', headers, body })
  assert.deepEqual([upload.status, upload.text], [200, `big.bin has ${content.length} bytes\n`])
  assert.match((await asked('/style.css')).headers['content-type'] ?? '', /^text\/css/)
  assert.equal((await asked('/nowhere')).status, 404)
  const arrived = await pieces(port)
  assert.equal(arrived.join(''), five)
  assert.ok(arrived.length > 1, 'the events came at once')
})

test('examples/http-node serves a handler, events and npm middleware', async (t) => {
  const { rr, port, ask: asked } = await start(t, 'http-node')
  const hello = await asked('/?name=ann')
  assert.deepEqual([hello.text, hello.headers['x-frame-options']], ['hello ann\n', 'SAMEORIGIN'])
  const echo = await asked('/echo', {
    method: 'PUT',
    headers: { 'Content-Type': 'text/plain' },
    body: 'text',
  })
  assert.deepEqual(JSON.parse(echo.text), { method: 'PUT', body: 'text' })
  // More streams than workers, at the same time.
  const streams = await Promise.all([1, 2, 3, 4].map(() => pieces(port)))
  for (const arrived of streams) {
    assert.equal(arrived.join(''), five)
    assert.ok(arrived.length > 1, 'the events came at once')
  }
  const socket = {
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Key': 'x',
    'Sec-WebSocket-Version': '13',
  }
  const refused = await asked('/', { headers: socket })
  assert.deepEqual([refused.status, /server-sent events/.test(refused.text)], [501, true])
  rr.child.kill('SIGTERM')
  assert.equal(await rr.ended, 0)
})
