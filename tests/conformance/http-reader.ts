/**
 * Cases of HTTP/1.1 that every reader of ours must answer alike, whichever of them reads a request: RFC 9112, pairs that smuggle requests,
 * pipelining. A case is bytes and what must become of them.
 */

/** One case. */
export interface ReaderCase {
  readonly name: string
  readonly bytes: string
  /** Statuses of the answers, in their order. */
  readonly statuses: readonly number[]
  /** Requests that reached the workers: method, target and body. */
  readonly requests: readonly (readonly [method: string, target: string, body: string])[]
  /** Statuses where node:http reads all of them: it drops answers that are due when a later request is malformed. */
  readonly nodeStatuses?: readonly number[]
  /** True when the server closes the connection; absent: either. */
  readonly isClosed?: boolean
}

const host = 'Host: x\r\n'
const get = (target: string, more = '') => `GET ${target} HTTP/1.1\r\n${host}${more}\r\n`
const post = (body: string, more = `Content-Length: ${body.length}\r\n`) =>
  `POST /p HTTP/1.1\r\n${host}${more}\r\n${body}`
const refused = (name: string, bytes: string): ReaderCase => ({
  name,
  bytes,
  statuses: [400],
  requests: [],
  isClosed: true,
})
const one = (name: string, bytes: string, request: ReaderCase['requests'][number]): ReaderCase => ({
  name,
  bytes,
  statuses: [200],
  requests: [request],
})

/** All cases. */
export const readerCases: readonly ReaderCase[] = [
  one('a plain GET', get('/a?b=c'), ['GET', '/a?b=c', '']),
  one('a body with a length', post('hello'), ['POST', '/p', 'hello']),
  one('an empty body', post(''), ['POST', '/p', '']),
  one('a method of one’s own', `PURGE /a HTTP/1.1\r\n${host}\r\n`, ['PURGE', '/a', '']),
  one('spaces around a value', `GET /a HTTP/1.1\r\nHost: \t x \t\r\n\r\n`, ['GET', '/a', '']),
  one('names in any case', `GET /a HTTP/1.1\r\nhOsT: x\r\nCONTENT-LENGTH: 0\r\n\r\n`, ['GET', '/a', '']),
  one('an obsolete empty line before the request', `\r\n${get('/a')}`, ['GET', '/a', '']),
  one('a chunked body', post('3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n', 'Transfer-Encoding: chunked\r\n'), [
    'POST',
    '/p',
    'abcde',
  ]),
  one('a chunked body with trailers', post('1\r\na\r\n0\r\nX: y\r\n\r\n', 'Transfer-Encoding: chunked\r\n'), [
    'POST',
    '/p',
    'a',
  ]),
  one('the absolute form', `GET http://x/a HTTP/1.1\r\n${host}\r\n`, ['GET', '/a', '']),
  one('HTTP/1.0', `GET /a HTTP/1.0\r\n${host}\r\n`, ['GET', '/a', '']),
  one('a value with bytes above ASCII', get('/a', 'X: \xe4\r\n'), ['GET', '/a', '']),
  one('a field that is repeated', get('/a', 'X: 1\r\nx: 2\r\n'), ['GET', '/a', '']),
  one('an offer to upgrade that nobody takes', get('/a', 'Connection: Upgrade\r\nUpgrade: h2c\r\n'), [
    'GET',
    '/a',
    '',
  ]),
  {
    name: 'pipelined requests are answered in order',
    bytes: get('/1') + post('two') + get('/3'),
    statuses: [200, 200, 200],
    requests: [
      ['GET', '/1', ''],
      ['POST', '/p', 'two'],
      ['GET', '/3', ''],
    ],
  },
  {
    name: 'a plain request, then one that is not, then a plain one',
    bytes: get('/1') + post('1\r\na\r\n0\r\n\r\n', 'Transfer-Encoding: chunked\r\n') + get('/3'),
    statuses: [200, 200, 200],
    requests: [
      ['GET', '/1', ''],
      ['POST', '/p', 'a'],
      ['GET', '/3', ''],
    ],
  },
  {
    name: 'nothing is read behind a request that closes',
    bytes: get('/1', 'Connection: close\r\n') + get('/2'),
    statuses: [200],
    nodeStatuses: [400],
    requests: [['GET', '/1', '']],
    isClosed: true,
  },
  {
    name: 'a bad request behind a good one spares the good one',
    bytes: `${get('/1')}GET /2 HTTP/1.1\r\nHost : x\r\n\r\n`,
    statuses: [200, 400],
    nodeStatuses: [400],
    requests: [['GET', '/1', '']],
    isClosed: true,
  },
  refused('no Host', 'GET /a HTTP/1.1\r\n\r\n'),
  refused('two lengths that differ', post('hello', 'Content-Length: 5\r\nContent-Length: 6\r\n')),
  refused('two lengths in one field', post('hello', 'Content-Length: 5, 5\r\n')),
  refused('a length with a sign', post('hello', 'Content-Length: +5\r\n')),
  refused('a negative length', post('hello', 'Content-Length: -5\r\n')),
  refused('a length in hex', post('hello', 'Content-Length: 0x5\r\n')),
  refused('a length and chunks', post('0\r\n\r\n', 'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n')),
  refused('chunks and a length', post('0\r\n\r\n', 'Transfer-Encoding: chunked\r\nContent-Length: 5\r\n')),
  refused(
    'a coding that is not chunked at the end',
    post('0\r\n\r\n', 'Transfer-Encoding: chunked, identity\r\n'),
  ),
  refused('chunked twice', post('0\r\n\r\n', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n')),
  refused('a coding with a tab in it', post('0\r\n\r\n', 'Transfer-Encoding: \x0bchunked\r\n')),
  refused('a space before the colon', `GET /a HTTP/1.1\r\nHost : x\r\n\r\n`),
  refused('a folded line', get('/a', 'X: 1\r\n 2\r\n')),
  refused('a bare LF in the head', 'GET /a HTTP/1.1\nHost: x\n\n'),
  refused('a bare CR in a value', get('/a', 'X: a\rb\r\n')),
  refused('a NUL in a value', get('/a', 'X: a\0b\r\n')),
  refused('a name with a space', get('/a', 'X Y: 1\r\n')),
  refused('an empty name', get('/a', ': 1\r\n')),
  refused('a target with a space', 'GET /a b HTTP/1.1\r\nHost: x\r\n\r\n'),
  refused('the preface of HTTP/2 where it is not served', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  refused('another protocol', 'GET /a ICAP/1.0\r\nHost: x\r\n\r\n'),
  refused('a chunk size that is not hex', post('z\r\na\r\n0\r\n\r\n', 'Transfer-Encoding: chunked\r\n')),
  refused(
    'a chunk that is longer than it says',
    post('1\r\nab\r\n0\r\n\r\n', 'Transfer-Encoding: chunked\r\n'),
  ),
  refused('a Host that is not one', 'GET /a HTTP/1.1\r\nHost: a"b\r\n\r\n'),
]
