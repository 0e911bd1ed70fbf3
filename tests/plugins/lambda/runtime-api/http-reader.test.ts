import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { HttpReader, type HttpResponse } from '../../../../src/plugins/lambda/runtime-api/http-reader.js'

const limits = { headBytesMax: 4096, bodyBytesMax: 1 << 20 }

function readIn(bytes: Buffer, cuts: readonly number[]): HttpResponse | undefined {
  const reader = new HttpReader(limits)
  let from = 0
  for (const cut of [...cuts.map((one) => one % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]) {
    const response = reader.push(bytes.subarray(from, cut))
    if (response !== undefined) return response
    from = cut
  }
  return reader.end()
}

const responses: readonly [text: string, status: number, body: string, isKeptAlive: boolean][] = [
  ['HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello', 200, 'hello', true],
  ['HTTP/1.1 202 Accepted\r\ncontent-length:0\r\n\r\n', 202, '', true],
  [
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nT: 1\r\n\r\n',
    200,
    'hello world',
    true,
  ],
  ['HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 1\r\n\r\nx', 200, 'x', false],
  ['HTTP/1.1 204 No Content\r\n\r\n', 204, '', true],
  ['HTTP/1.1 200 OK\r\n\r\nuntil the end', 200, 'until the end', true],
  ['HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\nno', 500, 'no', true],
]
test('a response is read whole in any chunking', () => {
  for (const [text, status, body, isKeptAlive] of responses) {
    const bytes = Buffer.from(text)
    fc.assert(
      fc.property(fc.array(fc.nat(200), { maxLength: 30 }), (cuts) => {
        const response = readIn(bytes, cuts)
        assert.deepEqual(
          [response?.status, response?.body.toString(), response?.isKeptAlive],
          [status, body, isKeptAlive],
        )
      }),
      { numRuns: 200 },
    )
  }
})

test('what is no HTTP, or over a limit, is refused', () => {
  const bad = [
    'garbage\r\n\r\n',
    `HTTP/1.1 200 OK\r\nX: ${'y'.repeat(5000)}`,
    'HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n',
    `HTTP/1.1 200 OK\r\nContent-Length: ${1 << 21}\r\n\r\n`,
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n',
  ]
  for (const text of bad)
    assert.throws(() => new HttpReader(limits).push(Buffer.from(text)), text.slice(0, 60))
})
