import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { rrCommand } from '../../helpers/project.js'
import { lambdaConfig, type RunningRr, started, startRr, testFolder, workerText } from '../../helpers/rr.js'
import { startSqsServer } from '../../helpers/sqs-server.js'
import { eventually } from '../../helpers/wait.js'

interface Ran {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

/** Runs a command beside this process, which may be a server that it speaks to. */
async function rr(folder: string, words: readonly string[], input = ''): Promise<Ran> {
  const child = spawn(process.execPath, [rrCommand, ...words], { cwd: folder })
  child.stdin.end(input)
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  return { code: child.exitCode, out, err }
}

interface Counts {
  readonly visible: number
  readonly in_flight: number
  readonly delayed: number
  readonly dead: number
}

async function counts(folder: string): Promise<Counts> {
  return JSON.parse((await rr(folder, ['queue', '--json'])).out)
}

function left({ visible, in_flight, delayed }: Counts): number {
  return visible + in_flight + delayed
}

async function dev(t: TestContext, sqs: string, worker = 'by-body', env = {}): Promise<RunningRr> {
  const running = await startRr(t, ['dev', '--sqs', sqs, '-o', 'logs.encoding=json'], {
    config: lambdaConfig(workerText(worker)),
    env,
  })
  await started(running)
  return running
}

test('send without a server, or with one that polls no queue, exits 1 and says what to do', async (t) => {
  const folder = await testFolder(t)
  await writeFile(join(folder, 'rr.yaml'), 'version: "3"\n')
  for (const words of [['send', '--body', 'x'], ['queue']]) {
    const { code, out, err } = await rr(folder, words)
    assert.deepEqual([code, out], [1, ''])
    assert.match(err, /RR_NOT_RUNNING/)
  }
  const idle = await startRr(t, ['serve'], { config: lambdaConfig(workerText('echo')) })
  await started(idle)
  for (const words of [['send', '--body', 'x'], ['queue']]) {
    const { code, out, err } = await rr(idle.folder, words)
    assert.deepEqual([code, out], [1, ''])
    assert.match(err, /RR_QUEUE_REFUSED: the server polls no queue\n {4}.*rr dev --sqs orders/)
  }
})

test('a wrong count, delay, or two bodies exit 2', async (t) => {
  const folder = await testFolder(t)
  for (const words of [
    ['--count', 'many'],
    ['--count', '0'],
    ['--delay', '5'],
    ['-', '--body', 'x'],
  ]) {
    const { code, out, err } = await rr(folder, ['send', ...words])
    assert.deepEqual([code, out], [2, ''], words.join(' '))
    assert.notEqual(err, '')
  }
})

test('dev --sqs feeds the function from a queue in memory, and the start says what is polled', async (t) => {
  const running = await dev(t, 'orders')
  assert.equal((await started(running)).queue, 'orders (in memory)')
  const sent = await rr(running.folder, ['send', '--count', '12', '--body', 'fine'])
  assert.equal(sent.code, 0)
  assert.equal(new Set(sent.out.trimEnd().split('\n')).size, 12)
  const deleted = () =>
    running
      .lines()
      .filter(({ message }) => message === 'a batch of the queue is over')
      .reduce((sum, batch) => sum + Number(batch.deleted), 0)
  await eventually(() => deleted() === 12)
  assert.match(
    (await rr(running.folder, ['queue'])).out,
    /^QUEUE +VISIBLE +IN FLIGHT +DELAYED +DEAD\norders +0 +0 +0 +0\n$/,
  )
})

test('a body comes from a file or standard input, up to 1 MiB, and --json tells the ids as one document', async (t) => {
  const running = await dev(t, 'orders')
  const { folder } = running
  const fromInput = await rr(folder, ['send', '-', '--json'], 'y'.repeat(1024 * 1024))
  assert.equal(fromInput.code, 0, fromInput.err)
  const { queue, message_ids: ids } = JSON.parse(fromInput.out)
  assert.deepEqual([queue, ids.length], ['orders', 1])
  await eventually(async () => left(await counts(folder)) === 0)
  const tooBig = await rr(folder, ['send', '-'], 'y'.repeat(1024 * 1024 + 1))
  assert.deepEqual([tooBig.code, tooBig.out], [1, ''])
  assert.match(tooBig.err, /RR_QUEUE_REFUSED: orders: .*1048576 bytes/)
  const nowhere = await rr(folder, ['send', '--queue', 'nowhere'])
  assert.equal(nowhere.code, 1)
  assert.match(nowhere.err, /there is no queue nowhere here, only orders, orders-dead/)
})

test('a FIFO queue wants a group, and takes as many of the same as --count says', async (t) => {
  const running = await dev(t, 'orders.fifo')
  const without = await rr(running.folder, ['send', '--body', 'x'])
  assert.match(without.err, /RR_QUEUE_REFUSED: orders\.fifo: .*group/)
  const sent = await rr(running.folder, ['send', '--body', 'x', '--group', 'g', '--count', '3'])
  assert.equal(new Set(sent.out.trimEnd().split('\n')).size, 3)
  const same = await rr(running.folder, [
    ...['send', '--body', 'x', '--group', 'g', '--count', '3', '--deduplication-id', 'd'],
  ])
  assert.equal(new Set(same.out.trimEnd().split('\n')).size, 1)
  await eventually(async () => left(await counts(running.folder)) === 0)
})

test('a delayed message waits, and a dead-letter queue can be sent to by its name', async (t) => {
  const { folder } = await dev(t, 'orders')
  await rr(folder, ['send', '--delay', '15m'])
  assert.equal((await counts(folder)).delayed, 1)
  assert.equal((await rr(folder, ['send', '--queue', 'orders-dead'])).code, 0)
  assert.equal((await counts(folder)).dead, 1)
})

test('what fails too often is logged when it goes to the dead-letter queue, without its body', async (t) => {
  const sqs = 'sqs: { queue: orders, max_receive_count: 2, visibility_timeout: 1s }'
  const running = await startRr(t, ['serve'], {
    config: lambdaConfig(workerText('by-body'), {
      more: `emulator: { address: "127.0.0.1:0", timeout: 1s, ${sqs} }`,
    }),
  })
  await started(running)
  const id = (await rr(running.folder, ['send', '--body', 'error'])).out.trim()
  const dead = await running.line(({ message }) => message === 'a message went to the dead-letter queue')
  assert.deepEqual(
    [dead.level, dead.queue, dead.messageId, dead.receiveCount],
    ['warn', 'orders-dead', id, 2],
  )
  const after = await counts(running.folder)
  assert.deepEqual([left(after), after.dead], [0, 1])
})

test('a URL is polled through AWS’s client, and what was sent there comes to the function', async (t) => {
  const server = await startSqsServer(t)
  const { url } = server.createQueue('orders.fifo', { visibilitySeconds: 180 })
  const running = await dev(t, url, 'by-body', server.env)
  assert.equal((await started(running)).queue, url)
  const sent = await rr(running.folder, ['send', '--count', '3', '--group', 'g', '--json'])
  assert.equal(JSON.parse(sent.out).message_ids.length, 3, sent.err)
  const isEmpty = () => {
    const { visible, inFlight } = server.where('orders.fifo')
    return visible + inFlight === 0
  }
  await eventually(isEmpty)
  assert.match((await rr(running.folder, ['queue'])).out, /orders\.fifo +0 +0 +0 +-\n$/)
  running.child.kill('SIGTERM')
  assert.equal(await running.ended, 0)
})

test('a stop hands back what no worker was given', async (t) => {
  const server = await startSqsServer(t)
  const { url } = server.createQueue('orders', { visibilitySeconds: 180 })
  const sqs = `sqs: { queue: "${url}", batch_size: 1, concurrency: 4 }`
  const running = await startRr(t, ['serve'], {
    // Nobody asks for events: no lambda section.
    config: `version: "3"\nemulator: { address: "127.0.0.1:0", ${sqs} }\n`,
    env: server.env,
  })
  await started(running)
  await rr(running.folder, ['send', '--count', '4'])
  await eventually(() => server.where('orders').inFlight === 4)
  running.child.kill('SIGTERM')
  assert.equal(await running.ended, 0)
  assert.deepEqual(server.where('orders'), { visible: 4, inFlight: 0 })
})

test('a real queue that hides its messages for less than the function may take is warned about', async (t) => {
  const server = await startSqsServer(t)
  const { url } = server.createQueue('orders', { visibilitySeconds: 29 })
  const running = await dev(t, url, 'by-body', server.env)
  const warning = await running.line(({ message }) => message.startsWith('the queue hides messages for less'))
  assert.deepEqual([warning.level, warning.visibilityMs, warning.timeoutMs], ['warn', 29_000, 30_000])
})

test('failed messages come again soon under rr dev, and the log says when', async (t) => {
  const running = await dev(t, 'orders')
  await rr(running.folder, ['send', '--body', 'error'])
  const over = await running.line(({ message }) => message === 'a batch of the queue is over')
  assert.deepEqual([over.delivered, over.failed, over.inSeconds], [1, 1, 5])
  assert.ok(Math.abs(Date.parse(String(over.comesAgainAt)) - Date.parse(String(over.time)) - 5000) < 1000)
})

test('messages of a queue in memory are shown, moved back from the dead-letter queue, and dropped', async (t) => {
  const { folder } = await dev(t, 'orders')
  for (const body of ['first', 'second', 'third'])
    await rr(folder, ['send', '--queue', 'orders-dead', '--body', body])
  const shown = await rr(folder, ['queue', 'show', '--dead'])
  assert.equal(shown.code, 0, shown.err)
  assert.match(shown.out, /^ID +AGE +DELIVERIES +NEXT +GROUP +BODY\n[0-9a-f-]{36} +\d+s +0 +now +- +first\n/)
  const one = JSON.parse((await rr(folder, ['queue', 'show', '--dead', '--limit', '1', '--json'])).out)
  assert.deepEqual([one.queue, one.total, one.messages.length], ['orders-dead', 3, 1])
  const back = await rr(folder, ['queue', 'redrive', one.messages[0].id])
  assert.deepEqual([back.code, back.out], [0, '1 message back to orders\n'])
  await eventually(async () => left(await counts(folder)) === 0)
  assert.equal((await counts(folder)).dead, 2)
  const missing = await rr(folder, ['queue', 'redrive', one.messages[0].id])
  assert.equal(missing.code, 1)
  assert.match(missing.err, /RR_QUEUE_REFUSED: there is no message .* in orders-dead/)
  assert.equal((await rr(folder, ['queue', 'purge', '--dead'])).out, '2 messages dropped from orders-dead\n')
  assert.equal((await rr(folder, ['queue', 'show', '--dead'])).out, 'orders-dead is empty\n')
  for (const words of [['shw'], ['purge', 'x'], ['show', '--limit', 'many']])
    assert.equal((await rr(folder, ['queue', ...words])).code, 2, words.join(' '))
})
