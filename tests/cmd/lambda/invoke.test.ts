import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer, type RequestListener } from 'node:http'
import { createServer as createTcpServer, type Server } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { rrCommand } from '../../helpers/project.js'
import { lambdaConfig, started, startRr, testFolder, workerText } from '../../helpers/rr.js'

/** Not spawnSync: servers of this process have to answer meanwhile. */
async function rr(folder: string, words: readonly string[]) {
  const child = spawn(process.execPath, [rrCommand, ...words], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const texts = { out: '', err: '' }
  child.stdout.on('data', (chunk) => {
    texts.out += String(chunk)
  })
  child.stderr.on('data', (chunk) => {
    texts.err += String(chunk)
  })
  const [code]: (number | null)[] = await once(child, 'close')
  return { code, ...texts }
}

async function listen(t: TestContext, server: Server): Promise<string> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const address = server.address()
  assert.ok(typeof address === 'object' && address !== null)
  return `127.0.0.1:${address.port}`
}

/** Starts an HTTP server that is not ours; records the requests it gets. */
async function stranger(t: TestContext, answer: RequestListener) {
  const seen: string[] = []
  const server = createServer((request, response) => {
    seen.push(`${request.method} ${request.url}`)
    answer(request, response)
  })
  t.after(() => server.closeAllConnections())
  return { address: await listen(t, server), seen }
}

const fileWith = (address: string) => `version: "3"\nlambda: {}\nemulator: { address: "${address}" }\n`

test('without a server of this project an event goes to nobody, whoever listens on its address', async (t) => {
  const strangers: readonly [name: string, answer: RequestListener][] = [
    ['takes anything', (_request, response) => response.end('{"from":"another project"}')],
    ['answers 404', (_request, response) => response.writeHead(404).end('not here')],
    ['redirects', (_request, response) => response.writeHead(307, { Location: '/elsewhere' }).end()],
    ['claims a name', (_request, response) => response.end('{"server":"relayrunner"}')],
    ['never ends', (_request, response) => response.end('x'.repeat(100_000))],
  ]
  const folder = await testFolder(t)
  for (const [name, answer] of strangers) {
    const { address, seen } = await stranger(t, answer)
    await writeFile(join(folder, 'rr.yaml'), fileWith(address))
    const { code, out, err } = await rr(folder, ['invoke', '--body', '{"secret":1}'])
    assert.deepEqual([code, out], [1, ''], name)
    assert.match(
      err,
      /^rr: RR_FOREIGN_SERVER: the program on 127\.0\.0\.1:\d+ \(emulator\.address of rr\.yaml\) is not RelayRunner; the event was not sent\n {4}\S/,
    )
    assert.deepEqual(seen, ['GET /relayrunner'], name)
  }
  const mute = await listen(
    t,
    createTcpServer((socket) => socket.on('error', () => undefined)),
  )
  await writeFile(join(folder, 'rr.yaml'), fileWith(mute))
  assert.match((await rr(folder, ['invoke'])).err, /RR_FOREIGN_SERVER/)
})

test('another project’s RelayRunner is told apart, also behind the default address of both', async (t) => {
  const other = await startRr(t, ['dev', '-o', 'logs.encoding=json'], {
    config: lambdaConfig(workerText('who'), { count: 1 }),
  })
  const { invoke } = await started(other)
  const { host } = new URL(String(invoke))
  const folder = await testFolder(t)
  await writeFile(join(folder, 'rr.yaml'), fileWith(host))
  const { code, err } = await rr(folder, ['invoke'])
  assert.equal(code, 1)
  assert.ok(
    err.includes(`is the RelayRunner of ${other.folder} (pid ${other.child.pid}), not of this project`),
    err,
  )
  const all = await rr(folder, ['invoke', '--address', host, '--json'])
  assert.deepEqual([all.code, all.err], [0, `rr: sending to ${host}, named by --address\n`])
})

test('nobody there is said with the address and the file that names it, and a port 0 is never guessed', async (t) => {
  const folder = await testFolder(t)
  await writeFile(join(folder, 'slow.yaml'), fileWith('127.0.0.1:1'))
  const none = await rr(folder, ['invoke', '-c', 'slow.yaml'])
  assert.equal(none.code, 1)
  assert.match(
    none.err,
    /RR_NOT_RUNNING: no emulator answers on 127\.0\.0\.1:1 \(emulator\.address of slow\.yaml\): .*ECONNREFUSED.*\n.*rr dev -c slow\.yaml/,
  )
  const port = await rr(folder, ['invoke', '-c', 'slow.yaml', '-o', 'emulator.address=127.0.0.1:0'])
  assert.match(port.err, /RR_NOT_RUNNING: .*127\.0\.0\.1:0.*only the running server knows/)
  const missing = await rr(folder, ['invoke', '-c', 'nope.yaml'])
  assert.deepEqual([missing.code, /RR_CONFIG_NOT_FOUND/.test(missing.err)], [1, true])
})

test('the running server is asked for its real address, wherever its file says it listens', async (t) => {
  const { address, seen } = await stranger(t, (_request, response) => response.end('{}'))
  const config = lambdaConfig(workerText('by-body'), {
    count: 1,
    more: `emulator: { address: "${address}" }`,
  })
  const server = await startRr(t, ['dev', '-o', 'emulator.address=127.0.0.1:0', '-o', 'logs.encoding=json'], {
    config,
  })
  await started(server)
  const { code, out, err } = await rr(server.folder, ['invoke', '--json'])
  assert.deepEqual([code, out], [0, '"ok"\n'])
  assert.match(err, /^rr: sending to 127\.0\.0\.1:\d+, the server of rr\.yaml\n$/)
  assert.deepEqual(seen, ['GET /relayrunner'])
})

test('rr lambda run is found by the file’s address, also while its function is frozen', async (t) => {
  const probe = createTcpServer()
  const address = await listen(t, probe)
  probe.close()
  const config = lambdaConfig(workerText('who'), { count: 1, more: `emulator: { address: "${address}" }` })
  const run = await startRr(t, ['lambda', 'run'], { config })
  await run.line(({ message }) => message === 'waiting for events')
  for (let round = 0; round < 2; round += 1) {
    const { code, err } = await rr(run.folder, ['invoke', '--json'])
    assert.equal(code, 0, err)
    assert.match(err, /`rr lambda run` of .* \(pid \d+\)\n$/)
    await run.line(({ message }) => message === 'frozen')
  }
})

test('a server whose file has no lambda section is said to answer nothing', async (t) => {
  const config = `version: "3"\nserver: { command: "${workerText('who')}" }\npools: { a: { num_workers: 1 } }\n`
  const server = await startRr(t, ['dev', '-o', 'emulator.address=127.0.0.1:0', '-o', 'logs.encoding=json'], {
    config,
  })
  await started(server)
  const { code, err } = await rr(server.folder, ['invoke'])
  assert.equal(code, 1)
  assert.match(err, /RR_NO_FUNCTION: the server of rr\.yaml has no `lambda:` section/)
})

test('--body is the event, or the body of each record with its number', async (t) => {
  const seen: string[] = []
  const server = createServer((request, response) => {
    let text = ''
    request.on('data', (chunk) => {
      text += String(chunk)
    })
    request.on('end', () => {
      seen.push(text)
      response.end('{}')
    })
  })
  t.after(() => server.closeAllConnections())
  const address = await listen(t, server)
  const folder = await testFolder(t)
  const send = (...words: string[]) => rr(folder, ['invoke', '--address', address, ...words])
  await send('--body', '{"a":"{n}"}')
  await send('--sqs', '3', '--fifo', '--body', '{"order":{n},"again":{n}}')
  await send('--sqs', '2')
  const bodiesOf = (text: string | undefined) =>
    JSON.parse(text ?? '').Records.map(({ body }: { body: string }) => body)
  assert.equal(seen[0], '{"a":"{n}"}')
  assert.deepEqual(
    bodiesOf(seen[1]),
    [1, 2, 3].map((n) => `{"order":${n},"again":${n}}`),
  )
  assert.deepEqual(bodiesOf(seen[2]), ['{"n":1}', '{"n":2}'])
  assert.equal((await rr(folder, ['invoke', 'some.json', '--body', '1'])).code, 2)
})
