import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer, type RequestListener } from 'node:http'
import { createServer as createTcpServer, type Server } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { sampleEvent } from '../../../cmd/lambda/sample-events.js'
import { installPacked } from '../../helpers/installed.js'
import { rrCommand } from '../../helpers/project.js'
import { lambdaConfig, started, startRr, testFolder, workerText } from '../../helpers/rr.js'
import { eventually } from '../../helpers/wait.js'

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
  assert.equal(all.code, 0)
  assert.match(all.err, new RegExp(`^rr: sending to ${host}, named by --address\nrr: answered in \\d+ ms\n$`))
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
  assert.match(err, /^rr: sending to 127\.0\.0\.1:\d+, the server of rr\.yaml\nrr: answered in \d+ ms\n$/)
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
    assert.match(err, /`rr lambda run` of .* \(pid \d+\)\nrr: answered in \d+ ms\n$/)
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

/** Fails records by their number: 3 asks for a retry, 5 throws. */
const pickyWorker = `
import { retry, serve } from 'relayrunner/worker'
await serve(async (body, context) => {
  if (context.kind === 'event') return JSON.parse(body).fails ? Promise.reject(new RangeError('no\\nway')) : { ok: true }
  const { n } = JSON.parse(body)
  if (n === 3) throw retry('three is not ready')
  if (n === 5) throw new RangeError('five is broken')
})
`

test('a summary names the records that failed, why, and how long the batch took', async (t) => {
  const folder = await testFolder(t)
  await installPacked(folder)
  await writeFile(join(folder, 'worker.mjs'), pickyWorker)
  const config = lambdaConfig('node worker.mjs', { count: 1, more: 'emulator: { address: "127.0.0.1:0" }' })
  await writeFile(join(folder, 'rr.yaml'), config)
  const server = await startRr(t, ['dev', '-o', 'logs.encoding=console'], { folder })
  await eventually(() => server.text().includes('ready: lambda'))
  const batch = await rr(folder, ['invoke', '--sqs', '6', '--json'])
  assert.equal(batch.code, 0)
  const { batchItemFailures } = JSON.parse(batch.out)
  const ends = batchItemFailures.map(({ itemIdentifier }: { itemIdentifier: string }) =>
    itemIdentifier.slice(-14),
  )
  assert.deepEqual(
    ends,
    ['0-000000000003', '0-000000000005'].map((end) => end.slice(-14)),
  )
  assert.match(
    batch.err,
    /rr: 2 of 6 records failed in \d+ ms\n {4}record 3 \{"n":3\}: retry "three is not ready"\n {4}record 5 \{"n":5\}: RangeError "five is broken"\n$/,
  )
  assert.match(
    server.text(),
    /WARN +emulator 2 of 6 records failed in \d+ ms: record 3: retry "three is not ready"; record 5: RangeError "five is broken" {2}job=[0-9a-f]{8}\n/,
  )
  assert.match(server.text(), /job=[0-9a-f]{8}\/#5 errorType=RangeError/)
  const strict = await rr(folder, ['invoke', '--sqs', '3', '--fail-on-batch-failures'])
  assert.equal(strict.code, 1)
  const fine = await rr(folder, ['invoke', '--sqs', '2', '--fail-on-batch-failures'])
  assert.equal(fine.code, 0)
  assert.match(fine.err, /\nrr: 2 records done in \d+ ms\n$/)
  const failed = await rr(folder, ['invoke', '--body', '{"fails":true}'])
  assert.equal(failed.code, 1)
  assert.match(failed.err, /\nrr: the function failed in \d+ ms: RangeError no way\n$/)
  const sample = await rr(folder, ['invoke', '--event', 'api-gateway', '--json'])
  assert.deepEqual([sample.code, sample.out], [0, '{"ok":true}\n'])
})

test('sample events are listed, typos get the nearest name, and two events at once are refused', async (t) => {
  const folder = await testFolder(t)
  const list = await rr(folder, ['invoke', '--events'])
  assert.equal(list.code, 0)
  const names = list.out.split('\n').filter((line) => line !== '')
  assert.ok(names.length >= 11)
  assert.ok(names.every((line) => /^[a-z0-9-]+ {2,}\S/.test(line)))
  const typo = await rr(folder, ['invoke', '--event', 'api-gatway'])
  assert.deepEqual(
    [typo.code, typo.err],
    [
      2,
      'rr: RR_USAGE: there is no sample event "api-gatway", did you mean "api-gateway"?\n    `rr invoke --events` lists them.\n',
    ],
  )
  for (const words of [
    ['--event', 's3', '--body', '{}'],
    ['--event', 's3', '--sqs', '2'],
    ['file.json', '--body', '{}'],
  ])
    assert.equal((await rr(folder, ['invoke', ...words])).code, 2, words.join(' '))
})

test('each sample event is one that its service sends', async (t) => {
  const folder = await testFolder(t)
  const { out } = await rr(folder, ['invoke', '--events'])
  for (const line of out.trim().split('\n')) {
    const event = sampleEvent(line.split(' ')[0] ?? '')
    assert.ok(Buffer.isBuffer(event), line)
    assert.equal(typeof JSON.parse(event.toString('utf8')), 'object')
  }
})
