import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { builtInSections } from '../../../cmd/server/sections.js'
import { loadConfig } from '../../../config/load.js'
import { validateConfig } from '../../../config/validation/validate.js'
import { formatProblem } from '../../../src/schema/tree.js'
import { testFolder } from '../../helpers/rr.js'

async function read(t: TestContext, ...lines: readonly string[]) {
  const folder = await testFolder(t)
  const file = join(folder, 'rr.yaml')
  await writeFile(file, ['version: "3"', 'jobs:', ...lines.map((line) => `  ${line}`)].join('\n'))
  const loaded = await loadConfig({ file, cwd: folder, env: {}, overrides: [] })
  const { values, problems } = await validateConfig(loaded.entries, builtInSections, new Set())
  return { problems: problems.map(formatProblem), value: Object(values.get('jobs')) }
}

test('a pipeline has the keys of its driver, with their defaults', async (t) => {
  const url = 'https://sqs.eu-west-1.amazonaws.com/123456789012/orders'
  const { problems, value } = await read(
    t,
    'consume: [mail]',
    'pipelines:',
    '  mail: { driver: memory, priority: 3 }',
    `  orders: { driver: sqs, config: { queue: "${url}", prefetch: 5 } }`,
  )
  assert.deepEqual(problems, [])
  assert.deepEqual([value.mode, value.timeout, value.dead, value.consume], ['jobs', 60, '', ['mail']])
  assert.deepEqual(value.retry, { max: 0, backoff: 1000, jitter: 0.2 })
  assert.deepEqual(value.pipelines.mail, {
    driver: 'memory',
    pool: undefined,
    records_per_job: 1,
    fair_by: undefined,
    fair_window: undefined,
    priority: 3,
    config: { priority: 10, prefetch: 100_000 },
  })
  assert.deepEqual([value.pipelines.orders.config.queue, value.pipelines.orders.config.prefetch], [url, 5])
})

const faults: readonly [lines: readonly string[], problem: RegExp][] = [
  [
    ['consume: [mial]', 'pipelines: { mail: { driver: memory } }'],
    /^rr\.yaml:3:\d+: "jobs\.consume": there is no pipeline "mial".*mail/,
  ],
  [['dead: graves'], /^rr\.yaml:3:\d+: "jobs\.dead": there is no pipeline "graves"/],
  [
    ['pipelines: { mail: { driver: nosuch } }'],
    /"jobs\.pipelines\.mail\.driver": "nosuch", expected .*memory.*sqs/,
  ],
  [
    ['pipelines: { mail: { driver: sqs, config: { queue: a/b } } }'],
    /expected the name or the URL of a queue/,
  ],
  [
    ['pipelines: { mail: { driver: memory, config: { queue: x } } }'],
    /unknown key "queue" in "jobs\.pipelines\.mail\.config"/,
  ],
  [
    ['pipelines:', '  mail:', '    driver: memory', '    records_per_job: 5'],
    /^rr\.yaml:6:\d+: "jobs\.pipelines\.mail\.records_per_job": 5 messages a job need mode: raw/,
  ],
  [
    ['pipelines: { mail: { driver: memory, fair_window: 5 } }'],
    /"jobs\.pipelines\.mail\.fair_window": `fair_window` has no effect without `fair_by`/,
  ],
  [['retry: { backoff: 5 }'], /"jobs\.retry\.backoff": "5", expected a duration/],
]

test('what cannot work is refused with its place', async (t) => {
  for (const [lines, problem] of faults) {
    const { problems } = await read(t, ...lines)
    assert.equal(problems.length, 1, problems.join('\n'))
    assert.match(problems[0] ?? '', problem)
  }
})

test('keys of RoadRunner without a meaning are warnings that say what to use', async (t) => {
  const { problems } = await read(
    t,
    'num_pollers: 10',
    'pipeline_size: 100000',
    'options: { parallelism: 10 }',
    'pipelines:',
    '  orders:',
    '    driver: sqs',
    '    config: { queue: "http://127.0.0.1:4566/1/q", retain_failed_jobs: true, tags: { a: b } }',
  )
  assert.equal(problems.length, 4)
  for (const problem of problems) assert.match(problem, /warning: .* has no meaning here, /)
  assert.match(problems[0] ?? '', /jobs\.num_pollers.*num_workers/)
})
