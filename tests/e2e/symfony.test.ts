import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fixture } from '../helpers/project.js'
import { failuresOf, invoke, type RunningRr, startRr, testFolder } from '../helpers/rr.js'
import { eventually } from '../helpers/wait.js'

const isThere = existsSync('/usr/share/php/Symfony/Bundle/FrameworkBundle/autoload.php')
const skip =
  process.env.CI === undefined && !isThere ? 'php-symfony-framework-bundle is not installed' : false

interface Setup {
  readonly count?: number
  readonly words?: string
  readonly env?: Readonly<Record<string, string>>
  /** The sections beside `server`; by default a function of Lambda. */
  readonly sections?: (folder: string) => string
}

async function start(t: TestContext, { count = 1, words = '', env = {}, sections }: Setup = {}) {
  const folder = await testFolder(t)
  const base = join(folder, 'base')
  mkdirSync(base)
  const all = { APP_BASE: base, ...env }
  const console = fixture('symfony', 'console')
  // Compiles the container, which several workers would do at once.
  const warm = spawnSync('php', [console, 'about'], { env: { ...process.env, ...all }, encoding: 'utf8' })
  assert.equal(warm.status, 0, warm.stdout + warm.stderr)
  const own = `lambda: { pool: { num_workers: ${count} } }\nemulator: { address: "127.0.0.1:0" }\n`
  const server = `version: "3"\nserver: { command: "php ${console} relayrunner:consume ${words}" }\n`
  const rr = await startRr(t, ['serve'], {
    folder,
    config: server + (sections?.(folder) ?? own),
    env: all,
  })
  const read = (name: string) =>
    existsSync(join(base, name)) ? readFileSync(join(base, name), 'utf8').trimEnd().split('\n') : []
  return { rr, env: all, marks: () => read('marks'), events: () => read('events') }
}

/** Bodies and headers as Messenger sends them: `name:what`. */
function encoded(
  ...messages: readonly string[]
): readonly { body: string; headers?: Record<string, string> }[] {
  const text = execFileSync('php', [fixture('symfony', 'bodies.php'), ...messages], { encoding: 'utf8' })
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
}

async function send(
  rr: RunningRr,
  messages: readonly { body: string; headers?: Record<string, string> }[],
  deliveries = 1,
) {
  const records = messages.map(({ body, headers = {} }, at) => ({
    messageId: `message-${at}`,
    receiptHandle: `handle-${at}`,
    body,
    attributes: { ApproximateReceiveCount: String(deliveries) },
    messageAttributes: {
      'X-Symfony-Messenger': { stringValue: JSON.stringify(headers), dataType: 'String' },
    },
    eventSource: 'aws:sqs',
    eventSourceARN: 'arn:aws:sqs:eu-west-1:123456789012:orders',
  }))
  return failuresOf(await invoke(rr, { Records: records }))
}

test('messages of Messenger: done, retried with the strategy’s delay, given up with the reason', {
  skip,
}, async (t) => {
  const { rr, marks, events } = await start(t)
  const messages = encoded('a', 'b:throw', 'c:give up', 'd')
  assert.deepEqual(await send(rr, [...messages, { body: 'no message' }]), [
    'message-1',
    'message-2',
    'message-4',
  ])
  const retry = await rr.line((line) => line.errorType === 'RR.Retry')
  assert.match(String(retry.errorMessage), /RuntimeException: not today/)
  assert.ok(Number(retry.afterMs) >= 900 && Number(retry.afterMs) <= 1100, String(retry.afterMs))
  const reasons = rr.lines().filter((line) => line.errorType === 'RR.Failed')
  assert.match(String(reasons[0]?.errorMessage), /UnrecoverableMessageHandlingException: never again/)
  assert.match(String(reasons[1]?.errorMessage), /Messenger cannot decode the message/)
  // The second try doubles the delay, the third is the last of two retries.
  assert.deepEqual(await send(rr, [messages[1] ?? { body: '' }], 2), ['message-0'])
  const second = rr.lines().filter((line) => line.errorType === 'RR.Retry')[1]
  assert.ok(Number(second?.afterMs) >= 1800 && Number(second?.afterMs) <= 2200, String(second?.afterMs))
  assert.deepEqual(await send(rr, [messages[1] ?? { body: '' }], 3), ['message-0'])
  const last = rr.lines().filter((line) => line.errorType === 'RR.Failed')[2]
  assert.match(String(last?.errorMessage), /not today/)
  // Services are reset between messages, and one worker lives through all of them.
  assert.ok(
    marks().every((mark) => mark.endsWith(':1')),
    marks().join('\n'),
  )
  assert.equal(events().filter((name) => name === 'WorkerStartedEvent').length, 1)
  assert.equal(events().filter((name) => name === 'WorkerMessageHandledEvent').length, 2)
})

test('a failure transport that is down keeps the message in its queue', { skip }, async (t) => {
  const { rr } = await start(t, { env: { FAILURE_TRANSPORT: 'unix:///nowhere/rpc.sock' } })
  const [message = { body: '' }, other = { body: '' }] = encoded('a:give up', 'b')
  assert.deepEqual(await send(rr, [message]), ['message-0'])
  const line = await rr.line((one) => one.errorType === 'RR.Retry')
  assert.match(String(line.errorMessage), /no server answers on unix:\/\/\/nowhere\/rpc.sock/)
  // The worker left behind its answer, and the next one works.
  assert.deepEqual(await send(rr, [other]), [])
})

test('a handler of batches is flushed for each message, and each has its own answer', { skip }, async (t) => {
  const { rr, marks } = await start(t)
  assert.deepEqual(await send(rr, encoded('x:collected', 'bad:collected', 'y:collected')), ['message-1'])
  assert.deepEqual(marks(), ['x:collected', 'bad:collected', 'y:collected'])
})

test('a worker leaves at its limit of messages, and one that ends itself fails its message alone', {
  skip,
}, async (t) => {
  const { rr, events } = await start(t, { words: '--limit=2' })
  assert.deepEqual(await send(rr, encoded('a', 'b', 'c', 'd:exit', 'e')), ['message-3'])
  assert.ok(events().filter((name) => name === 'WorkerStoppedEvent').length >= 1)
})

test('messages dispatched through relayrunner:// run here, and failed ones go to the failure transport', {
  skip,
}, async (t) => {
  const rpc = (folder: string) => `unix://${folder}/rpc.sock`
  const { rr, env, marks } = await start(t, {
    env: { FAILURE_TRANSPORT: 'from RR_RPC' },
    sections: (folder) => `rpc: { listen: "${rpc(folder)}" }
jobs:
  mode: raw
  consume: [default]
  pipelines: { default: { driver: memory }, failed: { driver: memory } }
  pool: { num_workers: 1 }
`,
  })
  await rr.line((line) => line.message === 'server started')
  const code = `require '${fixture('symfony', 'app.php')}'; $kernel = new Kernel('test', true); $kernel->boot();
    $bus = $kernel->getContainer()->get('test.bus'); $bus->dispatch(new Work('first')); $bus->dispatch(new Work('second', 'throw'));`
  execFileSync('php', ['-r', code], { env: { ...process.env, ...env, RR_RPC: rpc(rr.folder) } })
  // Two retries, of one and two seconds; the file is all that these workers say.
  await eventually(() => marks().filter((mark) => mark.startsWith('second')).length === 3)
  assert.deepEqual(marks()[0], 'first:run:1')
})
