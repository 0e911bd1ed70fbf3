import assert from 'node:assert/strict'
import { request } from 'node:http'
import { type TestContext, test } from 'node:test'
import { liveDocument } from '../../../src/supervisor/live/document.js'
import { startLive } from '../../helpers/live-server.js'
import { eventually } from '../../helpers/wait.js'

const token = 'a token of the test'

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: string
}

async function start(t: TestContext, more: object = {}) {
  const server = await startLive(t, { dashboard: { address: '127.0.0.1:0', token, ...more } })
  const where = server.announced.find(({ what }) => what === 'dashboard')?.where ?? ''
  const url = new URL(where)
  /** Sends a request with exactly these headers. */
  const ask = (path: string, method = 'GET', headers: Readonly<Record<string, string>> = {}, body = '') =>
    new Promise<Answer>((resolve, reject) => {
      const sent = request(new URL(path, url), { method, headers }, (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('end', () => {
          const { statusCode: status = 0, headers: answered } = response
          resolve({ status, headers: answered, body: Buffer.concat(chunks).toString() })
        })
      })
      sent.on('error', reject).end(body)
    })
  const page = { 'Content-Type': 'application/json', 'X-RelayRunner': '1' }
  const post = (path: string, body: object, headers: Readonly<Record<string, string>> = {}) =>
    ask(path, 'POST', { ...page, ...headers }, JSON.stringify(body))
  const login = async (given: string) => {
    const { headers } = await post('/api/login', { token: given })
    return { Cookie: String(headers['set-cookie'] ?? '').split(';')[0] ?? '' }
  }
  return { server, url, ask, post, login }
}

test('without a session there is only the page and the login; no script reads its cookie', async (t) => {
  const { ask, post } = await start(t)
  const page = await ask('/')
  assert.equal(page.status, 200)
  const policy = String(page.headers['content-security-policy'])
  assert.match(policy, /default-src 'none'; script-src 'self'; style-src 'self'/)
  assert.doesNotMatch(policy, /unsafe/)
  assert.equal(page.headers['x-frame-options'], 'DENY')
  assert.equal((await ask('/', 'GET', { 'If-None-Match': String(page.headers.etag) })).status, 304)
  assert.equal((await ask('/api/events')).status, 401)
  assert.equal((await post('/api/action/reset', { pool: 'jobs' })).status, 401)
  assert.equal((await post('/api/login', { token: 'guess' })).status, 401)
  assert.equal((await ask('/../package.json')).status, 404)
  const answer = await post('/api/login', { token })
  assert.match(
    String(answer.headers['set-cookie']),
    /^rr_dashboard_\d+=[\w-]{32}; Path=\/; HttpOnly; SameSite=Strict; Max-Age=/,
  )
})

test('behind a proxy with TLS the cookie is Secure: the browser says that the page came by HTTPS', async (t) => {
  const { post } = await start(t, { hosts: ['rr.example.org'] })
  const from = async (headers: Readonly<Record<string, string>>) => {
    const answer = await post('/api/login', { token }, headers)
    assert.equal(answer.status, 200)
    return / Secure/.test(String(answer.headers['set-cookie']))
  }
  const proxied = { Host: 'rr.example.org', Origin: 'https://rr.example.org' }
  assert.equal(await from(proxied), true)
  assert.equal(await from({ Host: 'rr.example.org', Origin: 'http://rr.example.org' }), false)
  // Not a header that anybody on the way may have added.
  assert.equal(await from({ 'X-Forwarded-Proto': 'https' }), false)
  const cookie =
    String((await post('/api/login', { token }, proxied)).headers['set-cookie']).split(';')[0] ?? ''
  const out = await post('/api/logout', {}, { ...proxied, Cookie: cookie })
  assert.match(String(out.headers['set-cookie']), /=; .*Max-Age=0; Secure$/)
})

test('requests of other sites, of foreign hosts and without the page’s header are refused', async (t) => {
  const { url, ask, post, login } = await start(t, { hosts: ['rr.example.org'] })
  const cookie = await login(token)
  const pause = (headers: object) =>
    post('/api/action/pause', { pipeline: 'mail' }, { ...cookie, ...headers })
  assert.equal((await pause({ Host: 'evil.example' })).status, 403)
  assert.equal((await pause({ Origin: 'http://evil.example' })).status, 403)
  assert.equal((await pause({ Origin: 'null' })).status, 403)
  assert.equal((await pause({ 'Sec-Fetch-Site': 'cross-site' })).status, 403)
  const form = { ...cookie, 'Content-Type': 'application/x-www-form-urlencoded' }
  assert.equal((await ask('/api/action/pause', 'POST', form, 'pipeline=mail')).status, 403)
  assert.equal((await ask('/api/action/pause', 'GET', cookie)).status, 404)
  assert.equal((await pause({ Host: 'rr.example.org', Origin: 'https://rr.example.org' })).status, 200)
  assert.equal((await pause({ Origin: url.origin, 'Sec-Fetch-Site': 'same-origin' })).status, 200)
  const large = await ask(
    '/api/login',
    'POST',
    { 'Content-Type': 'application/json', 'X-RelayRunner': '1' },
    ' '.repeat(70_000),
  )
  assert.equal(large.status, 400)
})

test('actions pause, resume, redrive, reset and are logged; what fails says why', async (t) => {
  const { server, post, login } = await start(t)
  const cookie = await login(token)
  const act = async (name: string, input: object) => {
    const { status, body } = await post(`/api/action/${name}`, input, cookie)
    return { status, ...JSON.parse(body) }
  }
  const mail = async () =>
    liveDocument(await server.rpc('rr.Live')).queues.find((one) => one.pipeline === 'mail')
  await server.push('mail', 'fail')
  await eventually(async () => (await mail())?.kept === 1)
  const kept = await act('kept', { pipeline: 'mail' })
  assert.deepEqual([kept.count, kept.jobs[0].id, kept.jobs[0].why], [1, 'fail-0', 'RangeError: told to fail'])
  assert.deepEqual(await act('pause', { pipeline: 'mail' }), { status: 200 })
  await eventually(async () => (await mail())?.state === 'paused')
  assert.deepEqual(await act('redrive', { pipeline: 'mail', ids: ['fail-0'] }), { status: 200, count: 1 })
  await eventually(async () => (await mail())?.active === 1)
  assert.deepEqual(await act('resume', { pipeline: 'mail' }), { status: 200 })
  await eventually(async () => (await mail())?.kept === 1)
  assert.deepEqual(await act('reset', { pool: 'jobs' }), { status: 200 })
  assert.equal((await act('reset', { pool: 'none' })).status, 409)
  assert.equal((await act('redrive', { pipeline: 'mail', ids: [] })).status, 409)
  assert.equal((await act('constructor', {})).status, 404)
  const logged = server.lines.filter(({ message }) => message === 'an action was asked for on the dashboard')
  assert.deepEqual(logged.map(({ fields }) => fields.action).slice(0, 4), [
    'pause',
    'redrive',
    'resume',
    'reset',
  ])
})

test('where actions are off the page only shows, and without a token the link logs in once', async (t) => {
  const { server, url, post, login } = await start(t, { actions: false, token: '' })
  const code = /^#code=([\w-]+)$/.exec(url.hash)?.[1] ?? ''
  const cookie = await login(code)
  assert.equal((await post('/api/action/pause', { pipeline: 'mail' }, cookie)).status, 403)
  assert.equal((await post('/api/action/kept', { pipeline: 'mail' }, cookie)).status, 200)
  assert.equal((await post('/api/login', { token: code })).status, 401)
  assert.ok(!server.lines.some(({ fields }) => JSON.stringify(fields).includes(code)))
})

test('events bring the history and the state, and go on until the page is closed', async (t) => {
  const { url, server, login } = await start(t)
  const closed = new AbortController()
  t.after(() => closed.abort())
  const headers = await login(token)
  const response = await fetch(new URL('/api/events', url), { headers, signal: closed.signal })
  assert.equal(response.headers.get('content-type'), 'text/event-stream')
  let text = ''
  for await (const chunk of response.body ?? []) {
    text += Buffer.from(chunk).toString()
    if ((text.match(/^event: state$/gm)?.length ?? 0) >= 2) break
  }
  assert.match(text, /^retry: \d+\n\nevent: history\ndata: \{"slot_ms":10000/)
  const state = /^event: state\ndata: (.*)$/m.exec(text)?.[1] ?? ''
  assert.equal(liveDocument(JSON.parse(state)).server.pid, process.pid)
  await server.stop()
})
