import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { type TestContext, test } from 'node:test'
import type { APIGatewayProxyResult, APIGatewayProxyStructuredResultV2 } from 'aws-lambda'
import { startBootstrap } from '../helpers/bootstrap.js'
import { albEvent, httpApiEvent, restEvent, socketEvent, urlEvent } from '../helpers/http-events.js'
import { fixture, missing } from '../helpers/project.js'
import { lambdaConfig, testFolder } from '../helpers/rr.js'
import { streamingApi } from '../helpers/streaming-api.js'

// The fixture does what RoadRunner's PHP packages do; a worker made with the packages themselves can take its place.
const worker = process.env.PSR7_WORKER ?? fixture('workers', 'psr7.php')
// Packages up to 3.4 know only JSON.
const codecs = process.env.PSR7_CODECS?.split(',') ?? ['json', 'proto']
const skip = missing('php')

async function start(t: TestContext, codec: string, more = '') {
  const api = await streamingApi(t)
  const uploads = await testFolder(t)
  const lambda = ['mode: http', `http: { codec: ${codec}, uploads: { dir: "${uploads}" } }`, more]
  const config = lambdaConfig('', { count: 1, more: '', lambda: lambda.filter(Boolean).join('\n  ') })
  const rr = await startBootstrap(t, api, {
    config: config.replace('command: ""', `command: "php ${worker}"`),
  })
  void rr.ended.then((code) => api.abandon(`rr ended with ${code}:\n${rr.text()}`))
  const invoke = async (event: unknown) => {
    const answer = await api.invoke(event)
    assert.equal(await answer.ended, true)
    return JSON.parse(Buffer.concat(answer.chunks).toString())
  }
  return { api, rr, uploads, invoke }
}

const form = { 'content-type': 'application/x-www-form-urlencoded' }
const echo = 'the PHP worker is handed'

for (const codec of codecs) {
  test(`${echo} method, address, query, headers and cookies of a Function URL (${codec})`, {
    skip,
  }, async (t) => {
    const { invoke } = await start(t, codec)
    const result: APIGatewayProxyStructuredResultV2 = await invoke(
      urlEvent({
        method: 'PATCH',
        rawPath: '/echo/ä b',
        rawQueryString: 'a%5B%5D=1&a%5B%5D=2&q=x%20y',
        headers: { host: 'shop.example', 'x-forwarded-proto': 'https', accept: 'a/b' },
        cookies: ['sid=a%20b', 'theme=dark'],
        body: Buffer.from([0, 255, 1]).toString('base64'),
        isBase64Encoded: true,
      }),
    )
    assert.equal(result.statusCode, 201)
    assert.deepEqual(result.headers, { 'Content-Type': 'application/json', 'X-App': 'a, b' })
    assert.deepEqual(result.cookies, ['s=1; Path=/', 't=2'])
    const { pid, requestId, ...request } = JSON.parse(result.body ?? '')
    assert.equal(typeof pid, 'number')
    assert.match(requestId[0], /^request-/)
    assert.deepEqual(request, {
      method: 'PATCH',
      uri: 'https://shop.example/echo/%C3%A4%20b?a%5B%5D=1&a%5B%5D=2&q=x%20y',
      protocol: '1.1',
      address: '203.0.113.7',
      query: { a: ['1', '2'], q: 'x y' },
      headers: {
        'X-Forwarded-Proto': ['https'],
        Accept: ['a/b'],
        Cookie: ['sid=a%20b; theme=dark'],
        'Content-Length': ['3'],
      },
      cookies: { sid: 'a b', theme: 'dark' },
      parsed: null,
      uploads: {},
      body: 'AP8B',
    })
  })

  test(`${echo} forms as trees, and uploads as files that are gone afterwards (${codec})`, {
    skip,
  }, async (t) => {
    const { invoke, uploads } = await start(t, codec)
    const posted = await invoke(
      restEvent({
        httpMethod: 'POST',
        multiValueHeaders: { 'Content-Type': [form['content-type']] },
        body: 'a[b][]=1&a[b][]=2&c=d+e',
      }),
    )
    assert.deepEqual(JSON.parse(posted.body).parsed, { a: { b: ['1', '2'] }, c: 'd e' })
    const empty = await invoke(httpApiEvent({ method: 'POST', headers: form, body: '' }))
    assert.deepEqual(JSON.parse(empty.body).parsed, [])
    const part = (name: string, content: string) =>
      `--X\r\nContent-Disposition: form-data; ${name}\r\n\r\n${content}\r\n`
    const body = `${part('name="t[x]"', 'T')}${part('name="f[]"; filename="a.txt"', 'one')}${part('name="f[]"; filename="b.txt"', 'two')}--X--\r\n`
    const headers = { 'content-type': 'multipart/form-data; boundary=X' }
    const told = JSON.parse((await invoke(httpApiEvent({ method: 'POST', headers, body }))).body)
    assert.deepEqual(told.parsed, { t: { x: 'T' } })
    const file = (name: string, content: string) => ({
      name,
      mime: 'text/plain',
      size: 3,
      error: 0,
      content: Buffer.from(content).toString('base64'),
    })
    assert.deepEqual(told.uploads, { f: [file('a.txt', 'one'), file('b.txt', 'two')] })
    assert.deepEqual(await readdir(uploads), [])
  })

  test(`the PHP worker answers every source with text, bytes and errors (${codec})`, { skip }, async (t) => {
    const { invoke } = await start(t, codec)
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, at) => at))
    const binary: APIGatewayProxyResult = await invoke(restEvent({ path: '/binary' }))
    assert.equal(binary.isBase64Encoded, true)
    assert.deepEqual(Buffer.from(binary.body, 'base64'), bytes)
    assert.deepEqual(binary.multiValueHeaders, { 'Content-Type': ['image/png'] })
    const single = await invoke(albEvent({ path: '/x' }))
    assert.deepEqual([single.statusCode, single.statusDescription], [201, '201 Created'])
    assert.deepEqual(single.headers['set-cookie'], 's=1; Path=/')
    const multi = await invoke(albEvent({ path: '/x' }, true))
    assert.deepEqual(multi.multiValueHeaders['X-App'], ['a', 'b'])
    const message = await invoke(socketEvent('MESSAGE', { body: 'hi' }))
    assert.equal(message.statusCode, 201)
    assert.equal(JSON.parse(message.body).body, Buffer.from('hi').toString('base64'))
    for (const path of ['/error', '/die'])
      assert.deepEqual(await invoke(urlEvent({ rawPath: path })), {
        statusCode: 500,
        headers: {},
        body: '',
        isBase64Encoded: false,
      })
    assert.equal((await invoke(urlEvent())).statusCode, 201)
  })

  test(`the PHP worker’s streams are passed on, collected and stopped (${codec})`, { skip }, async (t) => {
    const { api, rr } = await start(t, codec, 'streaming: true')
    for (const [path, count] of [
      ['/stream', 3],
      ['/many', 40],
    ] as const) {
      const answer = await api.invoke(urlEvent({ rawPath: path }))
      assert.equal(await answer.ended, true)
      assert.equal(String(answer.chunks[0]), '{"statusCode":200,"headers":{"X-App":"a"}}')
      assert.deepEqual(
        answer.chunks.slice(2).map(String),
        Array.from({ length: count }, (_, at) => `piece ${at + 1};`),
      )
      const whole = await api.invoke(albEvent({ path }))
      await whole.ended
      assert.equal(JSON.parse(whole.chunks.join('')).body, answer.chunks.slice(2).join(''))
    }
    const endless = await api.invoke(urlEvent({ rawPath: '/endless' }))
    await endless.chunk(30)
    endless.cut()
    const { pid } = await rr.line((line) => line.message === 'stopped')
    const next = await api.invoke(urlEvent())
    await next.ended
    // It came in one frame, so it went out whole: the head, eight NULs, the body.
    const [, body = ''] = next.chunks.join('').split('\0'.repeat(8))
    assert.equal(JSON.parse(body).pid, pid)
  })
}
