/** Behind every list of built-in middleware both readers answer alike, byte for byte but for the order and case of headers. */
import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { systemClock } from '../../../src/core/clock.js'
import { type MiddlewareOptions, middlewareOf } from '../../../src/plugins/http/middleware/built-in.js'
import type { Job } from '../../../src/supervisor/job.js'
import { fileSender } from '../../../src/work/http/index.js'
import { readerCases } from '../../conformance/http-reader.js'
import { type ReaderName, type ReaderWorld, readBytes } from '../../helpers/http-readers.js'
import { testFolder } from '../../helpers/rr.js'

const cors = {
  allowed_origin: 'https://a.example,https://*.b.example',
  allowed_origin_regex: '',
  allowed_headers: 'X-Token',
  allowed_methods: 'GET,PUT',
  allow_credentials: true,
  exposed_headers: 'X-Total',
  max_age: 600,
  options_success_status: 204,
}

interface World extends ReaderWorld {
  readonly told: Record<string, unknown>[]
}

/** A server with these middleware; the worker's answer is told by the path. */
async function world(t: TestContext, names: readonly string[]): Promise<World> {
  const folder = await testFolder(t)
  await mkdir(join(folder, 'public'))
  await writeFile(join(folder, 'public/a.txt'), 'file\n'.repeat(1000))
  const config = {
    middleware: names,
    trusted_subnets: ['127.0.0.0/8'],
    static: {
      dir: join(folder, 'public'),
      forbid: ['.php'],
      allow: [],
      calculate_etag: true,
      weak: false,
      request: {},
      response: { 'X-File': '1' },
    },
    headers: {
      cors,
      request: { 'X-Told': 'a "b"' },
      response: { 'X-Server': 'us', 'X-App': 'ours', Vary: 'X-Own' },
    },
  }
  const options = {
    config,
    clock: systemClock,
    metrics: undefined,
    provided: [],
  } as unknown as MiddlewareOptions
  const told: Record<string, unknown>[] = []
  const replies: Record<string, [head: object, body: string]> = {
    '/long': [{ 'Content-Type': ['text/html'], 'X-App': ['worker'], Vary: ['Cookie'] }, 'x'.repeat(5000)],
    '/image': [{ 'Content-Type': ['image/png'] }, 'x'.repeat(5000)],
    '/encoded': [{ 'Content-Type': ['text/html'], 'Content-Encoding': ['br'] }, 'x'.repeat(5000)],
    '/kept': [
      { 'Content-Type': ['text/html'], 'Cache-Control': ['private, no-transform'] },
      'x'.repeat(5000),
    ],
    '/send': [{ 'X-Sendfile': [join(folder, 'public/a.txt')], 'Content-Type': ['text/css'] }, 'never seen'],
    '/send-none': [{ 'X-Sendfile': ['/nowhere/at/all'] }, 'never seen'],
    '/cookies': [{ 'Set-Cookie': ['a=1', 'b=2'] }, 'short'],
  }
  return {
    middleware: await middlewareOf(options),
    sendFile: names.includes('sendfile') ? await fileSender({ root: '/', hasDotFiles: true }) : undefined,
    told,
    reply: (job: Job) => {
      const context: Record<string, unknown> = JSON.parse(Buffer.from(job.context).toString())
      told.push(context)
      const path = /^http:\/\/[^/]*(.*)$/.exec(String(context.uri))?.[1] ?? ''
      const [headers, body] = replies[path] ?? [{ 'Content-Type': ['text/plain'] }, `at ${path}\n`]
      return { context: Buffer.from(JSON.stringify({ status: 200, headers })), body: Buffer.from(body) }
    },
  }
}

interface Answer {
  readonly status: string
  readonly headers: readonly string[]
  readonly body: string
}

/** The first answer in a text; headers in lower case, sorted, without those of the connection and of time. */
function answerIn(text: string): Answer {
  const end = text.indexOf('\r\n\r\n')
  const [status = '', ...lines] = text.slice(0, end).split('\r\n')
  const fields = lines.map((line) => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const
  })
  const isShown = (name: string) => !/^(date|connection|keep-alive|vary)$/.test(name)
  // One line of a list means what two lines do.
  const vary = fields
    .filter(([name]) => name === 'vary')
    .flatMap(([, value]) => value.split(/, */))
    .sort()
  const headers = fields
    .filter(([name]) => isShown(name))
    .map((pair) => pair.join(': '))
    .sort()
  return { status, headers: [...headers, `vary: ${vary.join()}`], body: text.slice(end + 4) }
}

/** True for the whole answer to one request. */
function isWhole(text: string, method: string): boolean {
  const end = text.indexOf('\r\n\r\n')
  if (end < 0) return false
  const [, length] = /\r\ncontent-length: (\d+)/i.exec(text.slice(0, end)) ?? []
  if (method === 'HEAD') return true
  if (length !== undefined) return text.length === end + 4 + Number(length)
  return !/\r\ntransfer-encoding/i.test(text.slice(0, end)) || text.endsWith('\r\n0\r\n\r\n')
}

const requests: readonly (readonly [name: string, method: string, path: string, headers: string])[] = [
  ['a short answer', 'GET', '/short', ''],
  ['a short answer to HEAD', 'HEAD', '/short', ''],
  ['cookies', 'GET', '/cookies', ''],
  ['a long answer', 'GET', '/long', ''],
  ['a long answer that may be compressed', 'GET', '/long', 'Accept-Encoding: gzip\r\n'],
  ['one that may not', 'GET', '/long', 'Accept-Encoding: gzip;q=0\r\n'],
  ['HEAD of one that may be compressed', 'HEAD', '/long', 'Accept-Encoding: gzip\r\n'],
  ['Brotli', 'GET', '/long', 'Accept-Encoding: gzip, br\r\n'],
  ['an image', 'GET', '/image', 'Accept-Encoding: gzip\r\n'],
  ['an answer that is compressed already', 'GET', '/encoded', 'Accept-Encoding: gzip\r\n'],
  ['an answer that must not change', 'GET', '/kept', 'Accept-Encoding: gzip\r\n'],
  ['an allowed origin', 'GET', '/short', 'Origin: https://a.example\r\n'],
  ['a foreign origin', 'GET', '/short', 'Origin: https://c.example\r\n'],
  [
    'a preflight',
    'OPTIONS',
    '/short',
    'Origin: https://x.b.example\r\nAccess-Control-Request-Method: PUT\r\n',
  ],
  ['OPTIONS without a question', 'OPTIONS', '/short', 'Origin: https://a.example\r\n'],
  ['a file', 'GET', '/a.txt', ''],
  ['a part of a file', 'GET', '/a.txt', 'Range: bytes=2-4\r\n'],
  ['a file that may be compressed', 'GET', '/a.txt?x', 'Accept-Encoding: gzip\r\n'],
  ['HEAD of a file', 'HEAD', '/a.txt', ''],
  ['no file', 'GET', '/none.txt', ''],
  ['a path that leaves the folder', 'GET', '/../a.txt', ''],
  ['a file that the worker names', 'GET', '/send', ''],
  ['a part of it', 'GET', '/send', 'Range: bytes=2-4\r\n'],
  ['one that is not there', 'GET', '/send-none', ''],
  ['a proxy', 'GET', '/short', 'X-Forwarded-For: 6.6.6.6, 203.0.113.7, 127.0.0.9\r\n'],
  ['a header that is told already', 'GET', '/short', 'x-told: mine\r\n'],
]

const lists = [
  ['static', 'gzip', 'headers'],
  ['headers', 'static'],
  ['gzip', 'sendfile'],
  ['sendfile', 'gzip', 'headers', 'proxy_ip_parser', 'static'],
  ['proxy_ip_parser'],
]

for (const names of lists)
  test(`both readers answer alike behind ${names.join(', ')}`, async (t) => {
    for (const [name, method, path, headers] of requests) {
      const answers: Partial<Record<ReaderName, unknown>> = {}
      for (const reader of ['node', 'plain'] as const) {
        const behind = await world(t, names)
        const bytes = Buffer.from(`${method} ${path} HTTP/1.1\r\nHost: x\r\n${headers}\r\n`)
        const { text, wasHandedOver } = await readBytes(reader, [bytes], {
          ...behind,
          isAll: (all) => isWhole(all, method),
        })
        const told = behind.told.map(({ remoteAddr, headers: given }) => [remoteAddr, given])
        const { status, headers: fields, body } = answerIn(text)
        const isCompressed = fields.includes('content-encoding: gzip')
        answers[reader] = {
          status,
          fields: fields.filter((one) => !/x-sendfile|^etag|last-modified/.test(one)),
          told,
          body: isCompressed ? '' : body,
        }
        if (reader === 'plain')
          assert.equal(
            wasHandedOver,
            names.includes('headers') && /x-told/.test(headers),
            `${name}: handed over`,
          )
        assert.match(status, /^HTTP\/1\.1 \d/, `${name} (${reader})`)
      }
      assert.deepEqual(answers.plain, answers.node, name)
    }
  })

test('a connection is plain again behind a file, a preflight and a compressed answer', async (t) => {
  const behind = await world(t, ['static', 'gzip', 'headers'])
  const get = (path: string, more = '') => `GET ${path} HTTP/1.1\r\nHost: x\r\n${more}\r\n`
  const bytes =
    get('/a.txt') +
    get('/long', 'Accept-Encoding: gzip\r\n') +
    'OPTIONS /x HTTP/1.1\r\nHost: x\r\nOrigin: https://a.example\r\nAccess-Control-Request-Method: PUT\r\n\r\n' +
    get('/last', 'Connection: close\r\n')
  for (const pieces of [[bytes], [...bytes]]) {
    const { statuses, wasHandedOver, isClosed, text } = await readBytes(
      'plain',
      pieces.map((one) => Buffer.from(one)),
      { ...behind, isAll: (all) => all.endsWith('at /last\n') },
    )
    assert.deepEqual([statuses, wasHandedOver, isClosed], [[200, 200, 204, 200], false, true])
    assert.ok(text.endsWith('at /last\n'))
  }
})

test('a compressed answer is whole, and its client may have left before', async (t) => {
  const behind = await world(t, ['gzip'])
  const { text } = await readBytes(
    'plain',
    [Buffer.from('GET /long HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n')],
    { ...behind, isAll: (all) => isWhole(all, 'GET') },
  )
  const { headers, body } = answerIn(text)
  assert.ok(headers.includes('transfer-encoding: chunked'))
  assert.equal(gunzipSync(Buffer.from(unchunked(body), 'latin1')).toString(), 'x'.repeat(5000))
})

function unchunked(text: string): string {
  const size = Number.parseInt(text, 16)
  const start = text.indexOf('\r\n') + 2
  return size === 0 ? '' : text.slice(start, start + size) + unchunked(text.slice(start + size + 2))
}

for (const reader of ['node', 'plain'] as const)
  test(`the cases of RFC 9112 hold behind middleware, too (${reader})`, async (t) => {
    for (const one of readerCases) {
      const behind = await world(t, ['static', 'gzip', 'headers', 'sendfile', 'proxy_ip_parser'])
      const found = await readBytes(reader, [Buffer.from(one.bytes, 'latin1')], behind)
      const due = (reader === 'node' ? one.nodeStatuses : undefined) ?? one.statuses
      assert.deepEqual(found.statuses, due, one.name)
      assert.deepEqual(
        found.requests.map((given) => given.join(' ')).sort(),
        one.requests.map((given) => given.join(' ')).sort(),
        one.name,
      )
      if (one.isClosed !== undefined) assert.equal(found.isClosed, one.isClosed, one.name)
    }
  })
