import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { FrameFlag } from '../../src/ipc/frame.js'
import { startPool } from '../helpers/pool.js'
import { missing, projectFolder } from '../helpers/project.js'

const example = (...path: string[]) => join(projectFolder, 'examples', ...path)
const languages: readonly [name: string, skip: string | false, command: readonly string[]][] = [
  ['node', false, [process.execPath, example('consumer-node/web.mjs')]],
  ['php', missing('php'), ['php', example('consumer-php/web.php')]],
  ['python', missing('python3'), ['python3', example('consumer-python/web.py')]],
]

interface Asked {
  readonly method?: string
  readonly path: string
  readonly cookies?: Readonly<Record<string, string>>
  readonly parsed?: boolean
  readonly uploads?: unknown
  readonly body?: string
}
interface Answered {
  readonly status: number
  readonly headers: Readonly<Record<string, readonly string[]>>
  readonly body: Buffer
}

/** A worker as the server's HTTP mode starts it; asks what it is asked as that mode does, in one JSON frame. */
async function startWeb(t: TestContext, command: readonly string[]) {
  const { pool } = await startPool(t, command, { mode: 'http' })
  return async ({ method = 'GET', path, body = '', ...more }: Asked): Promise<Answered> => {
    const context = {
      remoteAddr: '192.0.2.1',
      protocol: 'HTTP/1.1',
      method,
      uri: `https://shop.example${path}`,
      headers: { 'User-Agent': ['curl/8.5.0'], Accept: ['*/*'] },
      cookies: {},
      rawQuery: path.split('?')[1] ?? '',
      parsed: false,
      uploads: null,
      attributes: {},
      ...more,
    }
    const reply = await pool.run({ context: JSON.stringify(context), body, codec: FrameFlag.json })
    assert.equal(reply.flags, FrameFlag.json)
    const head: { status: number; headers: Answered['headers'] } = JSON.parse(
      Buffer.from(reply.context).toString(),
    )
    return { ...head, body: Buffer.from(reply.body) }
  }
}

const json = { 'Content-Type': ['application/json'] }
const file = { name: 'tee grün.txt', mime: 'text/plain', size: 12, error: 0, tmpName: '/tmp/upload1' }
const tree = { name: 'grün', tags: ['a', 'b'], address: { city: 'Köln' } }
const pages: readonly [what: string, asked: Asked, status: number, headers: object, body: unknown][] = [
  ['a cookie that is shown', { path: '/cookies', cookies: { who: 'Jürgen' } }, 200, {}, { who: 'Jürgen' }],
  ['no cookies', { path: '/cookies' }, 200, {}, {}],
  ['a form', { method: 'POST', path: '/form', parsed: true, body: JSON.stringify(tree) }, 200, json, tree],
  ['an empty form', { method: 'POST', path: '/form', parsed: true }, 200, json, {}],
  ['no form', { method: 'POST', path: '/form', body: 'x' }, 415, json, { error: 'send a form' }],
  [
    'an upload',
    { method: 'POST', path: '/upload', parsed: true, uploads: { file } },
    200,
    json,
    { name: file.name, size: 12 },
  ],
  [
    'a refused upload',
    { method: 'POST', path: '/upload', parsed: true, uploads: { file: { ...file, error: 8 } } },
    400,
    json,
    { error: 'send a file in the field "file"' },
  ],
  [
    'no upload',
    { method: 'POST', path: '/upload', parsed: true },
    400,
    json,
    { error: 'send a file in the field "file"' },
  ],
  ['no such page', { path: '/nowhere' }, 404, json, { error: 'no such page' }],
  [
    'another method',
    { method: 'POST', path: '/hello' },
    405,
    { ...json, Allow: ['GET'] },
    { error: 'not with this method' },
  ],
]

for (const [language, skip, command] of languages) {
  test(`the ${language} web example answers what HTTP workers are sent`, { skip }, async (t) => {
    const ask = await startWeb(t, command)
    const hello = await ask({ path: '/hello?name=J%C3%BCrgen+T' })
    assert.deepEqual(
      [hello.status, hello.body.toString(), hello.headers],
      [200, 'hello Jürgen T', { 'Content-Type': ['text/plain; charset=utf-8'] }],
    )
    assert.equal((await ask({ path: '/hello' })).body.toString(), 'hello world')
    for (const [what, asked, status, headers, body] of pages) {
      const answer = await ask(asked)
      assert.equal(answer.status, status, what)
      assert.deepEqual({ ...answer.headers, ...headers }, answer.headers, what)
      assert.deepEqual(JSON.parse(answer.body.toString()), body, what)
    }
  })

  test(`the ${language} web example sends bytes that are not text, and a header twice`, {
    skip,
  }, async (t) => {
    const ask = await startWeb(t, command)
    const { headers, body } = await ask({ path: '/binary' })
    assert.deepEqual(headers, { 'Content-Type': ['image/png'] })
    assert.deepEqual(
      [body.subarray(0, 8).toString('hex'), body.subarray(-8).toString('hex')],
      ['89504e470d0a1a0a', '49454e44ae426082'],
    )
    assert.deepEqual((await ask({ path: '/cookies' })).headers['Set-Cookie'], [
      'seen=1; Path=/; HttpOnly',
      'theme=dark; Path=/',
    ])
  })
}
