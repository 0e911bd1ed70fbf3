import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { HttpReader, type HttpResponse } from '../../../../src/plugins/lambda/runtime-api/http-reader.js'

const limits = { headBytesMax: 4096, bodyBytesMax: 1 << 20 }

/** All responses that come out of the bytes, pushed in pieces, each in a buffer that is filled again. */
function readIn(bytes: Buffer, cuts: readonly number[]): HttpResponse[] {
  const reader = new HttpReader(limits)
  const found: HttpResponse[] = []
  const kept = Buffer.alloc(bytes.length)
  let from = 0
  for (const cut of [...cuts.map((one) => one % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]) {
    bytes.copy(kept, 0, from, cut)
    reader.push(kept.subarray(0, cut - from))
    for (let one = reader.next(); one !== undefined; one = reader.next()) found.push(one)
    from = cut
  }
  kept.fill('?')
  const last = reader.end()
  return last === undefined ? found : [...found, last]
}

const shown = ({ head, body }: HttpResponse) => [head.status, body.toString(), head.isKeptAlive]

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
        assert.deepEqual(readIn(bytes, cuts).map(shown), [[status, body, isKeptAlive]])
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
  for (const text of bad) assert.throws(() => readIn(Buffer.from(text), []), text.slice(0, 60))
})

test('responses that come one behind the other are read one by one, with the headers of an event', () => {
  const head = [
    'HTTP/1.1 200 OK',
    'Content-Type: application/json',
    'Lambda-Runtime-Aws-Request-Id: id-1',
    'lambda-runtime-deadline-ms:17',
    'LAMBDA-RUNTIME-INVOKED-FUNCTION-ARN: arn:aws:lambda:f',
    'Lambda-Runtime-Trace-Id: first',
    'Lambda-Runtime-Trace-Id: Root=1;Sampled=1 ',
    'Lambda-Runtime-Client-Context: {}',
    'Lambda-Runtime-Cognito-Identity:',
    'Lambda-Runtime-Aws-Tenant-Id: blue',
  ]
  const large = 'x'.repeat(200_000)
  const chunked = `Transfer-Encoding: chunked\r\n\r\n${(150_000).toString(16)}\r\n${large.slice(0, 150_000)}\r\n${(50_000).toString(16)}\r\n${large.slice(150_000)}\r\n0\r\n\r\n`
  const event = (framed: string) => `${head.join('\r\n')}\r\n${framed}`
  const bytes = Buffer.from(
    `HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\nok${event(`Content-Length: 200000\r\n\r\n${large}`)}${event(chunked)}${event('Content-Length: 1\r\n\r\n1')}`,
  )
  fc.assert(
    fc.property(fc.array(fc.nat(500_000), { maxLength: 12 }), (cuts) => {
      const [status, ...events] = readIn(bytes, cuts)
      assert.equal(status?.body.toString(), 'ok')
      assert.deepEqual(
        events.map(({ body }) => body.toString()),
        [large, large, '1'],
      )
      for (const { head: found } of events) {
        const { requestId, deadlineMs, functionArn, traceId, clientContext, cognitoIdentity, tenantId } =
          found.headers
        assert.deepEqual(
          [requestId, deadlineMs, functionArn, traceId, clientContext, cognitoIdentity, tenantId],
          ['id-1', '17', 'arn:aws:lambda:f', 'Root=1;Sampled=1', '{}', '', 'blue'],
        )
      }
    }),
    { numRuns: 60 },
  )
})
