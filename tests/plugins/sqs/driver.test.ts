import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { validateConfig } from '../../../config/validation/validate.js'
import { parseYaml } from '../../../config/yaml/yaml.js'
import { systemClock } from '../../../src/core/clock.js'
import { silentLogger } from '../../../src/logging/logger.js'
import memory from '../../../src/plugins/memory/index.js'
import { sqsDriver } from '../../../src/plugins/sqs/driver.js'
import sqs from '../../../src/plugins/sqs/index.js'
import { mapSection, variant } from '../../../src/schema/section.js'
import { formatProblem } from '../../../src/schema/tree.js'
import { Container } from '../../../src/supervisor/plugins/container.js'
import { definePlugin } from '../../../src/supervisor/plugins/definition.js'
import { all } from '../../../src/supervisor/plugins/keys.js'
import { sectionsOf } from '../../../src/supervisor/plugins/parts.js'
import { JobDriver } from '../../../src/work/driver.js'
import { newJob } from '../../helpers/queue-source.js'
import { startSqsServer } from '../../helpers/sqs-server.js'

const never = new AbortController().signal
const defaults = {
  priority: 10,
  prefetch: 10,
  visibility_timeout: 0,
  error_visibility_timeout: 0,
  wait_time_seconds: 0,
  skip_queue_declaration: false,
  attributes: {},
  tags: {},
}

async function open(t: TestContext, name: string, config: object) {
  const server = await startSqsServer(t)
  const { url: queue } = server.createQueue(name, { visibilitySeconds: 60 })
  const driver = sqsDriver({ clock: systemClock, log: silentLogger, env: server.env })
  const source = await driver.open({ name: 'mail', config: { ...defaults, queue, ...config } })
  t.after(() => source.close())
  return source
}

test('a pipeline over SQS takes as many messages as its prefetch says and hides them for its own time', async (t) => {
  const source = await open(t, 'mail', { prefetch: 1, visibility_timeout: 300 })
  await source.push?.([newJob({ id: 'a' }), newJob({ id: 'b' })])
  const before = Date.now()
  const deliveries = await source.pull(5, never)
  const expiresInMs = (deliveries[0]?.expiresAtMs ?? 0) - before
  assert.equal(deliveries.length, 1)
  assert.ok(expiresInMs >= 300_000 && expiresInMs < 360_000, String(expiresInMs))
  assert.deepEqual(await source.pull(5, AbortSignal.abort()), [])
})

test('jobs without a lane share the group that a FIFO pipeline names', async (t) => {
  const source = await open(t, 'mail.fifo', { message_group_id: 'mail' })
  await source.push?.([newJob({ id: 'a', body: 'a' }), newJob({ id: 'b', body: 'b' })])
  const [first] = await source.pull(5, never)
  assert.deepEqual([first?.lane, first?.body], ['mail', 'a'])
})

test('SQS refuses a body that is not text', async (t) => {
  const source = await open(t, 'mail', {})
  const job = newJob({ body: Buffer.from([0, 255]) })
  await assert.rejects(async () => source.push?.([job]), { code: 'RR_QUEUE_REFUSED', message: /not UTF-8/ })
})

test('a queue that is named is created with its attributes and tags, and is found the next time', async (t) => {
  const server = await startSqsServer(t)
  const driver = sqsDriver({ clock: systemClock, log: silentLogger, env: server.env })
  const config = {
    ...defaults,
    queue: 'orders',
    attributes: { visibilitytimeout: '77', DelaySeconds: '0' },
    tags: { team: 'a' },
  }
  const first = await driver.open({ name: 'mail', config })
  t.after(() => first.close())
  await first.push?.([newJob({ id: 'a' })])
  const second = await driver.open({ name: 'mail', config: { ...config, skip_queue_declaration: true } })
  t.after(() => second.close())
  const before = Date.now()
  const [delivery] = await second.pull(1, never)
  const hiddenMs = (delivery?.expiresAtMs ?? 0) - before
  assert.ok(hiddenMs > 70_000 && hiddenMs < 80_000, String(hiddenMs))
})

test('a FIFO queue is created by its name', async (t) => {
  const server = await startSqsServer(t)
  const driver = sqsDriver({ clock: systemClock, log: silentLogger, env: server.env })
  const source = await driver.open({ name: 'mail', config: { ...defaults, queue: 'orders.fifo' } })
  t.after(() => source.close())
  await source.push?.(
    Array.from({ length: 25 }, (_, at) => newJob({ id: `${at}`, body: `${at}`, lane: 'one' })),
  )
  const bodies: unknown[] = []
  while (bodies.length < 25) {
    const deliveries = await source.pull(10, never)
    bodies.push(...deliveries.map(({ body }) => body))
    await source.settle(
      deliveries.map((delivery) => ({ delivery, verdict: { kind: 'done', body: Buffer.of() } })),
    )
  }
  assert.deepEqual(
    bodies,
    Array.from({ length: 25 }, (_, at) => `${at}`),
  )
})

test('a named queue that is missing and may not be created is a fault that time may mend', async (t) => {
  const server = await startSqsServer(t)
  const driver = sqsDriver({ clock: systemClock, log: silentLogger, env: server.env })
  const config = { ...defaults, queue: 'nosuch', skip_queue_declaration: true }
  await assert.rejects(driver.open({ name: 'mail', config }), {
    code: 'RR_QUEUE_MISSING',
    message: /no queue "nosuch" of SQS/,
  })
})

test('the section `sqs` says where queues are and who asks', async (t) => {
  const server = await startSqsServer(t)
  const access = {
    endpoint: server.env.AWS_ENDPOINT_URL_SQS,
    region: 'eu-west-1',
    key: 'k',
    secret: 's',
    session_token: undefined,
  }
  const driver = sqsDriver({ clock: systemClock, log: silentLogger, env: {}, access })
  const source = await driver.open({ name: 'mail', config: { ...defaults, queue: 'here' } })
  t.after(() => source.close())
  await source.push?.([newJob({ id: 'a' })])
  const [delivery] = await source.pull(1, never)
  assert.equal(delivery?.id.length, 36)
})

test('faults of a pipeline over SQS and of its section are told at their places', async () => {
  const jobs = definePlugin({
    name: 'own',
    config: mapSection(variant('driver', JobDriver)),
    setup() {},
  })
  const text = `own:
  more: { driver: sqs, config: { queue: "a queue" } }
sqs: { key: id, endpoint: here }`
  const { tree } = await parseYaml(text, { file: 'rr.yaml', env: {} })
  assert.ok(tree.kind === 'map')
  const { problems } = await validateConfig(tree.entries, sectionsOf([jobs, sqs]), new Set(['sqs']))
  assert.deepEqual(problems.map(formatProblem), [
    'rr.yaml:2:41: "own.more.config.queue": "a queue", expected the name or the URL of a queue',
    'rr.yaml:3:8: "sqs.key": `sqs.key` and `sqs.secret` belong together, give both, or neither',
    'rr.yaml:3:17: "sqs.endpoint": "here" is not an address, write http://HOST:PORT',
  ])
})

test('a plugin that collects the drivers of jobs is handed both by their names', async () => {
  let names: readonly string[] = []
  const jobs = definePlugin({
    name: 'jobs',
    needs: { drivers: all(JobDriver) },
    setup: ({ needs }) => {
      names = [...needs.drivers].map(([plugin, driver]) => `${plugin}: ${driver.name}`).sort()
    },
  })
  const container = new Container({
    plugins: [jobs, memory, sqs].map((plugin) => ({
      plugin,
      file: '(built-in)',
      version: undefined,
      config: {},
    })),
    services: [],
    mode: 'serve',
    clock: systemClock,
    log: silentLogger,
    env: {},
    onFault: (error) => assert.fail(error),
  })
  await container.start()
  assert.deepEqual(await container.stop(), [])
  assert.deepEqual(names, ['memory: memory', 'sqs: sqs'])
})
