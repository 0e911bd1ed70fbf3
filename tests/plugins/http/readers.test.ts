/** Both readers of HTTP/1.1 agree: case by case, at every split of the bytes, and on what chance makes of them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { encodePlain, encodeTold } from '../../../src/plugins/http/plain/context-encoder.js'
import { PlainHead } from '../../../src/plugins/http/plain/plain-head.js'
import { HeadMemory } from '../../../src/plugins/http/serving/head-memory.js'
import { decodeReply, encodeRequest } from '../../../src/work/http/index.js'
import { type ReaderCase, readerCases } from '../../conformance/http-reader.js'
import { type ReaderName, readBytes } from '../../helpers/http-readers.js'

/** node:http begins all pipelined requests at once, and those with a body later. */
function sorted(requests: ReaderCase['requests']) {
  return requests.map((one) => one.join(' ')).sort()
}

async function check(reader: ReaderName, one: ReaderCase, pieces: readonly Buffer[], how: string) {
  const { statuses, requests, isClosed } = await readBytes(reader, pieces)
  const due = (reader === 'node' ? one.nodeStatuses : undefined) ?? one.statuses
  const found = { statuses, requests: sorted(requests) }
  assert.deepEqual(found, { statuses: due, requests: sorted(one.requests) }, `${one.name} (${how})`)
  if (one.isClosed !== undefined) assert.equal(isClosed, one.isClosed, `${one.name} (${how}): closed`)
}

for (const reader of ['node', 'plain'] as const)
  test(`cases of RFC 9112, smuggling and pipelining (${reader})`, async () => {
    for (const one of readerCases) await check(reader, one, [Buffer.from(one.bytes, 'latin1')], 'whole')
  })

test('a request means the same at every split of its bytes', async () => {
  for (const one of readerCases) {
    const bytes = Buffer.from(one.bytes, 'latin1')
    for (let at = 1; at < bytes.length; at += 1)
      await check('plain', one, [bytes.subarray(0, at), bytes.subarray(at)], `split at ${at}`)
    await check(
      'plain',
      one,
      [...bytes].map((byte) => Buffer.from([byte])),
      'byte by byte',
    )
  }
})

test('plain requests are read without node:http, and only those', async () => {
  const plain = await readBytes('plain', [Buffer.from('GET /a HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n\r\n')])
  assert.equal(plain.wasHandedOver, false)
  for (const { name, bytes, statuses } of readerCases) {
    if (!statuses.includes(400)) continue
    const { wasHandedOver } = await readBytes('plain', [Buffer.from(bytes, 'latin1')])
    assert.equal(wasHandedOver, true, name)
  }
})

test('chance finds no bytes on which the readers differ', async () => {
  const token = fc.constantFrom(
    ...[
      'GET',
      'POST',
      'PUT',
      'get',
      'PRI',
      ' ',
      '  ',
      '/',
      '/a?b#c',
      '*',
      'http://x/',
      'HTTP/1.1',
      'HTTP/1.0',
      'HTTP/2.0',
    ],
    ...[
      '\r\n',
      '\n',
      '\r',
      '\r\n\r\n',
      ':',
      ': ',
      ' :',
      '\t',
      '\0',
      '\xe4',
      '"',
      '\\',
      'X',
      'Y-z',
      '0',
      '5',
      '+5',
      '5, 5',
      '0x5',
    ],
    ...[
      'Host: x\r\n',
      'host:y\r\n',
      'Host: x y\r\n',
      'Content-Length: 5\r\n',
      'Content-Length: 0\r\n',
      'content-length:\t5 \r\n',
    ],
    ...[
      'Transfer-Encoding: chunked\r\n',
      'Transfer-Encoding: x\r\n',
      'Connection: close\r\n',
      'Connection: keep-alive\r\n',
    ],
    ...[
      'Connection: x\r\n',
      'Expect: 100-continue\r\n',
      'Cookie: a=b; c="d"\r\n',
      'Content-Type: text/plain\r\n',
      'hello',
    ],
    ...['GET / HTTP/1.1\r\nHost: x\r\n', 'POST /p HTTP/1.1\r\nHost: x\r\n', '5\r\nhello\r\n0\r\n\r\n'],
  )
  const seed = 20_261_126
  await fc.assert(
    fc.asyncProperty(fc.array(token, { minLength: 1, maxLength: 14 }), fc.nat(), async (words, cut) => {
      const bytes = Buffer.from(words.join(''), 'latin1')
      const at = cut % (bytes.length + 1)
      const node = await readBytes('node', [bytes])
      const plain = await readBytes(
        'plain',
        [bytes.subarray(0, at), bytes.subarray(at)].filter(({ length }) => length > 0),
      )
      assert.deepEqual(sorted(plain.requests), sorted(node.requests))
      // It also refuses the beginning of what can become no request; our reader waits for the rest.
      if (!plain.wasHandedOver && node.statuses.length === plain.statuses.length + 1) {
        assert.deepEqual(node.statuses, [...plain.statuses, 400])
        return
      }
      // node:http drops answers that are due when a later request is malformed.
      const dropped = plain.statuses.length - node.statuses.length
      assert.ok(dropped === 0 || (dropped > 0 && node.statuses.at(-1) === 400))
      assert.deepEqual(plain.statuses.slice(dropped), node.statuses)
    }),
    { seed, numRuns: 1500, endOnFailure: true, interruptAfterTimeLimit: 20_000 },
  )
})

test('the encoder of plain heads writes what the general one writes', () => {
  const head = new PlainHead()
  const value = fc.stringMatching(/^[\x21-\x7e]([\x20-\x7e\t]*[\x21-\x7e])?$/)
  const name = fc.stringMatching(/^[A-Za-z0-9_-]{1,20}$/).map((text) => `x-${text}`)
  const fields = fc.uniqueArray(fc.tuple(name, value), {
    selector: ([one]) => one.toLowerCase(),
    maxLength: 8,
  })
  const target = fc.stringMatching(/^\/[\x21\x22\x24-\x7e]*$/)
  const cookies = fc.constantFrom('', 'a=b', 'a=b%20c; d="e"; bad name=1', 'ü=1')
  fc.assert(
    fc.property(fields, target, cookies, fc.constantFrom('json', 'proto'), (given, path, cookie, codec) => {
      const lines = [...given, ...(/^[\x20-\x7e]+$/.test(cookie) ? [['cookie', cookie] as const] : [])]
      const bytes = Buffer.from(
        `GET ${path} HTTP/1.1\r\nHost: x:1\r\n${lines.map(([one, text]) => `${one}: ${text}\r\n`).join('')}\r\n`,
        'latin1',
      )
      // Two names with one hash are left to node:http.
      if (head.read(bytes, 0, bytes.length, false) !== 'plain') return
      const told = lines.length % 2 === 0 ? [] : [['x_told', 'a"b\\c'] as const]
      const facts = { remoteAddr: '10.0.0.1', isSecure: true, told: encodeTold(told, codec) }
      const made = encodePlain(bytes, head, codec, facts)
      const general = encodeRequest(generalHead(path, [...lines, ...told]), codec)
      if (codec === 'proto') assert.deepEqual(made, Buffer.from(general))
      else assert.deepEqual(JSON.parse(made.toString()), JSON.parse(String(general)))
    }),
    { seed: 1, numRuns: 1000 },
  )
})

/** The same head for the general encoder. */
function generalHead(path: string, lines: readonly (readonly [string, string])[]) {
  const query = path.indexOf('?')
  const canonical = (name: string) =>
    name
      .toLowerCase()
      .replace(/(^|-)([a-z])/g, (_, dash: string, letter: string) => dash + letter.toUpperCase())
  const cookie = lines.find(([name]) => name === 'cookie')?.[1]
  const pairs: Record<string, string> =
    cookie === undefined ? {} : cookie.startsWith('a=b%') ? { a: 'b c', d: 'e' } : { a: 'b' }
  return {
    remoteAddr: '10.0.0.1',
    protocol: 'HTTP/1.1',
    method: 'GET',
    uri: `https://x:1${path}`,
    headers: Object.fromEntries(lines.map(([name, text]) => [canonical(name), [text]])),
    cookies: pairs,
    rawQuery: query < 0 ? '' : path.slice(query + 1),
    isParsed: false,
    uploads: undefined,
    attributes: {},
  }
}

test('heads of replies are remembered by their bytes, and read once', () => {
  const memory = new HeadMemory()
  const context = Buffer.from('{"status":201,"headers":{"X":["a","b"]}}')
  const head = memory.read(context)
  assert.equal(memory.read(Buffer.from(context)), head)
  assert.deepEqual([head.status, head.headers], [decodeReply(context).status, [['X', ['a', 'b']]]])
  assert.throws(() => memory.read(Buffer.from('{"headers":{}}')), /no status/)
})
