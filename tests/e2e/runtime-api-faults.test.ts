import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:net'
import { type TestContext, test } from 'node:test'
import { managedApi } from '../helpers/managed-api.js'
import { invokeAt, lambdaConfig, type RunningRr, startRr, workerText } from '../helpers/rr.js'
import { type TestApi, testApi } from '../helpers/runtime-api.js'

type Fault = (request: IncomingMessage, response: ServerResponse) => boolean

function bootstrap(t: TestContext, api: TestApi, worker = 'echo'): Promise<RunningRr> {
  const config = lambdaConfig(workerText(worker), { count: 1, more: '' })
  return startRr(t, ['bootstrap'], { config, env: { AWS_LAMBDA_RUNTIME_API: api.address } })
}

/** A fault on the `n`th request whose path ends so. */
function onPath(
  end: string,
  act: (response: ServerResponse, request: IncomingMessage) => void,
  n = 1,
): Fault {
  let seen = 0
  return (request, response) => {
    if (request.url?.endsWith(end) !== true || request.url.includes('/extension/')) return false
    seen += 1
    if (seen !== n) return false
    act(response, request)
    return true
  }
}

for (const status of [500, 403]) {
  test(`${status} from /next ends the server with 1, so that Lambda starts it anew`, async (t) => {
    const api = await testApi(t, {
      fault: onPath('/next', (response) => response.writeHead(status).end('{"errorType":"X"}')),
    })
    const rr = await bootstrap(t, api)
    assert.equal(await rr.ended, 1)
    assert.match(rr.text(), new RegExp(`answered /next with ${status}`))
  })
}

test('a reset on /next is asked again', async (t) => {
  const api = await testApi(t, { fault: onPath('/next', (response) => response.destroy()) })
  const rr = await bootstrap(t, api)
  assert.equal((await invokeAt(api.invokeUrl, '1')).body, '1')
  assert.ok(rr.lines().some((line) => line.message === 'the Runtime API was lost, asking again'))
})

test('the fifth loss in a row ends the server with 1', async (t) => {
  const api = await testApi(t, {
    fault: (request, response) => {
      if (request.url?.endsWith('/invocation/next') !== true) return false
      response.destroy()
      return true
    },
  })
  const rr = await bootstrap(t, api)
  assert.equal(await rr.ended, 1)
  assert.equal(
    rr.lines().filter((line) => line.message === 'the Runtime API was lost, asking again').length,
    4,
  )
})

test('an id that was just answered comes again: the server ends with 1 and does not run it twice', async (t) => {
  const hand = (response: ServerResponse) => {
    response.setHeader('Lambda-Runtime-Aws-Request-Id', 'same-id')
    response.setHeader('Lambda-Runtime-Deadline-Ms', String(Date.now() + 30_000))
    response.end('1')
  }
  const api = await testApi(t, {
    fault: (request, response) => {
      if (request.url?.endsWith('/invocation/next') === true) hand(response)
      else if (request.url?.endsWith('/response') === true) response.writeHead(202).end()
      else return false
      return true
    },
  })
  const rr = await bootstrap(t, api)
  assert.equal(await rr.ended, 1)
  assert.match(rr.text(), /handed out same-id again/)
  assert.equal(api.calls.filter((call) => call.path.endsWith('/response')).length, 1)
})

for (const status of [413, 410, 400]) {
  test(`${status} to an answer is logged, nothing more is posted for it, and the next event is served`, async (t) => {
    const api = await testApi(t, {
      timeoutMs: 3000,
      fault: onPath('/response', (response) => response.writeHead(status).end('{}')),
    })
    const rr = await bootstrap(t, api)
    const lost = invokeAt(api.invokeUrl, '1')
    await rr.line((line) => line.status === status)
    const posts = api.calls.filter((call) => call.method === 'POST' && call.path.includes('/invocation/'))
    assert.equal(posts.length, 1)
    // The emulator still holds the first event, hands it out again, and the server must not answer an id twice.
    await lost
    assert.equal(await rr.ended, 1)
  })
}

test('after 413 no error is posted for that event, and the same process serves the next one', async (t) => {
  const api = await managedApi(t)
  const config = lambdaConfig(workerText('echo'), { count: 1, more: '' })
  const rr = await startRr(t, ['bootstrap'], { config, env: { AWS_LAMBDA_RUNTIME_API: api.address } })
  assert.deepEqual(await api.invoke({ id: 'large', body: '1', status: 413 }), { kind: 'response', body: '1' })
  await rr.line((line) => line.status === 413)
  assert.deepEqual(await api.invoke({ id: 'next', body: '2' }), { kind: 'response', body: '2' })
  await api.waiting(1)
  assert.deepEqual(api.posts, ['large/response', 'next/response'])
})

test('an answer that is cut off is not sent twice', async (t) => {
  const api = await testApi(t, {
    timeoutMs: 3000,
    fault: onPath('/response', (response) => response.destroy()),
  })
  const rr = await bootstrap(t, api)
  invokeAt(api.invokeUrl, '1').catch(() => undefined)
  await rr.line((line) => line.message === 'an answer may not have reached the Runtime API')
  assert.equal(await rr.ended, 1)
  assert.equal(api.calls.filter((call) => call.path.endsWith('/response')).length, 1)
})

test('a Runtime API that never gives a status for an answer is dropped after 10 s', async (t) => {
  const api = await testApi(t, { timeoutMs: 60_000, fault: onPath('/response', () => undefined) })
  const rr = await bootstrap(t, api)
  invokeAt(api.invokeUrl, '1').catch(() => undefined)
  const line = await rr.line((one) => one.message === 'an answer may not have reached the Runtime API')
  assert.match(String(line.error), /gave no status within 10000 ms/)
})

test('what speaks no HTTP ends the server with 1', async (t) => {
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy())
    socket.on('data', () => socket.end('this is no HTTP\r\n\r\n'))
  }).listen(0, '127.0.0.1')
  t.after(() => server.close())
  await once(server, 'listening')
  const address = server.address()
  assert.ok(typeof address === 'object' && address !== null)
  const config = lambdaConfig(workerText('echo'), { count: 1, more: '' })
  const rr = await startRr(t, ['bootstrap'], {
    config,
    env: { AWS_LAMBDA_RUNTIME_API: `127.0.0.1:${address.port}` },
  })
  assert.equal(await rr.ended, 1)
  assert.match(rr.text(), /does not answer in HTTP/)
})
