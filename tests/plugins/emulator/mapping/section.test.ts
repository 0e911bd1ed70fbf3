import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { builtInSections } from '../../../../cmd/server/sections.js'
import { loadConfig } from '../../../../config/load.js'
import { validateConfig } from '../../../../config/validation/validate.js'
import { formatProblem } from '../../../../src/schema/tree.js'
import { testFolder } from '../../../helpers/rr.js'

async function validate(t: TestContext, sqs: string, timeout = '30s') {
  const folder = await testFolder(t)
  const file = join(folder, 'rr.yaml')
  await writeFile(file, `version: "3"\nemulator:\n  timeout: ${timeout}\n  sqs: { ${sqs} }\n`)
  const loaded = await loadConfig({ file, cwd: folder, env: {}, overrides: [] })
  const { problems, values } = await validateConfig(loaded.entries, builtInSections, new Set())
  return { problems: problems.map(formatProblem), value: values.get('emulator') }
}

const faults: readonly [sqs: string, problem: RegExp][] = [
  ['queue: orders.fifo, batch_size: 11', /^rr\.yaml:4:30: "emulator\.sqs\.batch_size": .*FIFO.*10.*use 10/],
  ['queue: orders.fifo, batch_window: 1s', /^rr\.yaml:4:30: .*FIFO queue has no batch window.*leave it out/],
  ['queue: orders, batch_size: 11', /batch of 11 needs a window of at least 1s.*batch_window: 1s/],
  ['queue: orders, batch_size: 100, batch_window: 999ms', /needs a window of at least 1s/],
  ['queue: orders, batch_size: 0', /expected a whole number from 1 to 10000/],
  ['queue: orders, batch_size: 10001, batch_window: 1s', /expected a whole number from 1 to 10000/],
  ['queue: orders, batch_window: 301s', /a window is at most 5m, not 301s/],
  [
    'queue: orders, visibility_timeout: 29s',
    /queue visibility timeout 29s is less than function timeout 30s/,
  ],
  ['queue: orders, visibility_timeout: 13h', /hidden for at most 12h/],
  [
    'queue: "http://127.0.0.1/0/q", visibility_timeout: 60s',
    /no effect on the queue of a URL.*VisibilityTimeout/,
  ],
  ['queue: "http://127.0.0.1/0/q", max_receive_count: 3', /no effect on the queue of a URL.*RedrivePolicy/],
  ['queue: "http://127.0.0.1/0/q.fifo", batch_size: 20', /FIFO/],
  ['queue: "my orders"', /a name such as orders or orders\.fifo, or the URL of a queue/],
  ['queue: orders.lifo', /a name such as/],
  ['queue: orders, batchsize: 3', /unknown key "batchsize".*batch_size/],
]
for (const [sqs, problem] of faults) {
  test(`a fault with its place: ${sqs}`, async (t) => {
    const { problems } = await validate(t, sqs)
    assert.equal(problems.length, 1, problems.join('\n'))
    assert.match(problems[0] ?? '', problem)
  })
}

test('what AWS takes is taken, and the defaults are AWS’s but for reported failures', async (t) => {
  for (const sqs of [
    'queue: orders.fifo, batch_size: 10',
    'queue: orders, batch_size: 10000, batch_window: 1s',
    'queue: orders, batch_window: 5m',
    'queue: orders, visibility_timeout: 30s, max_receive_count: 0',
    'queue: "https://sqs.eu-west-1.amazonaws.com/123456789012/orders"',
  ])
    assert.deepEqual((await validate(t, sqs)).problems, [], sqs)
  const { value } = await validate(t, 'queue: orders')
  assert.deepEqual(value, {
    address: '127.0.0.1:9010',
    hosts: [],
    timeout: 30_000,
    memory: 1769,
    sqs: {
      queue: 'orders',
      batch_size: 10,
      batch_window: 0,
      retry_after: undefined,
      visibility_timeout: undefined,
      max_receive_count: undefined,
      report_batch_item_failures: true,
      concurrency: 1,
    },
  })
})
