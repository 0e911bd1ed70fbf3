import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { packageProblems } from '../../../cmd/server/check-packages.js'
import { checkStart } from '../../../cmd/server/check-start.js'
import { planStart } from '../../../cmd/server/plan.js'
import { formatProblem, type Problem } from '../../../src/schema/tree.js'
import { projectFolder } from '../../helpers/project.js'
import { testFolder } from '../../helpers/rr.js'

async function planOf(folder: string, yaml: string) {
  await writeFile(join(folder, 'worker.mjs'), '')
  const file = join(folder, 'rr.yaml')
  await writeFile(file, `version: "3"\nserver: { command: "node worker.mjs" }\n${yaml}\n`)
  const plan = await planStart('check', { config: file, override: [] })
  assert.deepEqual(plan.problems, [], yaml)
  return plan
}

async function said(t: TestContext, yaml: string, about: RegExp): Promise<string[]> {
  const folder = await testFolder(t)
  const plan = await planOf(folder, yaml)
  return shown(folder, checkStart(plan)).filter((line) => about.test(line))
}

function shown(folder: string, problems: readonly Problem[]): string[] {
  return problems.map((one) => formatProblem(one).replaceAll(`${folder}/`, ''))
}

const queue = (driver: string, config = '{}') =>
  `jobs: { retry: { max: 3 }, pipelines: { a: { driver: ${driver}, config: ${config} } } }`

const needing: readonly [yaml: string, names: string][] = [
  [queue('amqp'), 'amqplib'],
  [
    queue('kafka', '{ consumer_options: { topics: [t] }, group_options: { group_id: g } }'),
    '@platformatic/kafka',
  ],
  [queue('laravel-database', '{ url: "mysql://a:b@c/d" }'), 'mysql2'],
  [queue('laravel-database', '{ url: "postgres://a:b@c/d" }'), 'pg'],
  [queue('laravel-redis'), 'ioredis'],
  [queue('nats', '{ subject: s, stream: t }'), '@nats-io/transport-node @nats-io/jetstream'],
  [queue('postgres'), 'pg'],
  [queue('redis'), 'ioredis'],
  [queue('sqs'), '@aws-sdk/client-sqs'],
  ['kv: { a: { driver: redis } }', 'ioredis'],
  ['lock: { driver: redis }', 'ioredis'],
  ['lambda: { failed: "https://sqs.eu-west-1.amazonaws.com/1/q" }', '@aws-sdk/client-sqs'],
  ['lambda: { retry: visibility }', '@aws-sdk/client-sqs'],
  ['grpc: { listen: "127.0.0.1:0", proto: [a.proto] }', 'protobufjs'],
  [
    'otel: {}',
    'api core resources sdk-trace-base exporter-trace-otlp-proto'.replaceAll(/\S+/g, '@opentelemetry/$&'),
  ],
]

test('validate names the client package that a driver needs and that is not installed', async (t) => {
  for (const [yaml, names] of needing) {
    const folder = await testFolder(t)
    const plan = await planOf(folder, yaml)
    // From the project’s own folder all are found, from one without packages none.
    assert.deepEqual(packageProblems(plan, join(projectFolder, 'x.js')), [], yaml)
    const [line = '', ...more] = shown(folder, packageProblems(plan, join(folder, 'x.js')))
    assert.deepEqual(more, [], yaml)
    assert.match(line, /^rr\.yaml:3:\d+: .* needs .*, which (is|are) not installed\. Run `npm install /, yaml)
    assert.ok(line.includes(`\`npm install ${names}\` beside relayrunner`), line)
  }
})

test('drivers without a client need no package', async (t) => {
  const folder = await testFolder(t)
  for (const driver of ['memory', 'journal', 'beanstalk']) {
    const plan = await planOf(folder, queue(driver))
    assert.deepEqual(packageProblems(plan, join(folder, 'x.js')), [], driver)
  }
})

test('validate refuses middleware that nothing provides', async (t) => {
  const http = (names: string) => `http: { address: "127.0.0.1:0", middleware: ${names} }`
  assert.match(
    (await said(t, http('[headers, gzp]'), /middleware/)).join('\n'),
    /^rr\.yaml:3:\d+: "http\.middleware" names "gzp", which nothing provides, did you mean "gzip"\? Expected one of static, gzip/,
  )
  assert.match((await said(t, http('[otel]'), /middleware/)).join(), /no section "otel"/)
  assert.deepEqual(await said(t, http('["static,gzip", headers, http_metrics]'), /middleware/), [])
})

test('validate says that `rr serve` has nothing to pull events from', async (t) => {
  const about = /RR_NOTHING_TO_PULL/
  assert.match((await said(t, 'lambda: {}', about)).join(), /^rr\.yaml:3:\d+: note: .*`emulator:` section$/)
  const both = 'lambda: {}\nhttp: { address: "127.0.0.1:0" }'
  assert.match((await said(t, both, about)).join(), /^rr\.yaml:3:\d+: warning: /)
  assert.deepEqual(await said(t, 'lambda: {}\nemulator: {}', about), [])
})

test('validate looks whether the folder of a journal can be written', async (t) => {
  const folder = await testFolder(t)
  await writeFile(join(folder, 'taken'), '')
  await mkdir(join(folder, 'closed'), { mode: 0o500 })
  const lines = async (yaml: string) => shown(folder, checkStart(await planOf(folder, yaml)))
  assert.match(
    (await lines(queue('journal', '{ path: taken/jobs }'))).join(),
    /^rr\.yaml:3:\d+: warning: taken is not a folder/,
  )
  assert.match(
    (await lines('kv: { a: { driver: boltdb, config: { file: taken/x } } }')).join(),
    /^rr\.yaml:3:\d+: taken is not/,
  )
  assert.deepEqual(await lines(queue('journal', '{ path: new/jobs }')), [])
  // Root may write everywhere.
  const closed = await lines(queue('journal', '{ path: closed/jobs }'))
  if (process.getuid?.() === 0) assert.deepEqual(closed, [])
  else assert.match(closed.join(), /warning: the user \S+ cannot write the folder closed, .*another folder/)
})

test('validate notes queues whose failing jobs are tried for ever', async (t) => {
  const jobs = (more: string, pipeline: string) =>
    `jobs: { ${more}pipelines: { a: { driver: memory }, b: ${pipeline} } }`
  const about = /for ever/
  const noted = (await said(t, jobs('', '{ driver: memory }'), about)).join()
  assert.match(
    noted,
    /^rr\.yaml:3:\d+: note: `jobs\.retry\.max` is not set: a job of a, b that .*for ever, set it/,
  )
  assert.match(
    (
      await said(t, jobs('', '{ driver: nats, config: { subject: s, stream: t, max_deliver: 3 } }'), about)
    ).join(),
    /a job of a that/,
  )
  assert.match(
    (await said(t, jobs('', '{ driver: sqs }'), about)).join(),
    /a, b .*unless a redrive policy of SQS/,
  )
  assert.deepEqual(await said(t, jobs('retry: { max: 5 }, ', '{ driver: memory }'), about), [])
})
