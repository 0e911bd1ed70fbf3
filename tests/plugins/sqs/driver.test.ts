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

test('a pipeline over SQS without a queue, or with a queue’s name, is a fault at its place', async () => {
  const jobs = definePlugin({
    name: 'own',
    config: mapSection(variant('driver', JobDriver)),
    setup() {},
  })
  const text = `own:
  mail: { driver: sqs, config: { prefetch: 1 } }
  more: { driver: sqs, config: { queue: more } }`
  const { tree } = await parseYaml(text, { file: 'rr.yaml', env: {} })
  assert.ok(tree.kind === 'map')
  const { problems } = await validateConfig(tree.entries, sectionsOf([jobs, sqs]), new Set())
  assert.deepEqual(problems.map(formatProblem), [
    'rr.yaml:2:32: "own.mail.config" has no "queue", expected the URL of a queue',
    'rr.yaml:3:41: "own.more.config.queue": "more", expected the URL of a queue',
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
