import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { hasCode } from '../../src/core/errors.js'
import { readDeployed } from '../../src/lambda-check/from-aws.js'
import { rrCommand } from '../helpers/project.js'
import { testFolder } from '../helpers/rr.js'
import { type Answers, type FakeAws, startFakeAws } from './fake-aws.js'

const account = '123456789012'
const queueArn = (name: string) => `arn:aws:sqs:eu-west-1:${account}:${name}`

const answers: Answers = {
  Configuration: {
    body: {
      FunctionName: 'orders',
      Timeout: 30,
      MemorySize: 1769,
      PackageType: 'Zip',
      Runtime: 'provided.al2023',
      Handler: 'worker.php',
      LoggingConfig: { LogFormat: 'JSON' },
    },
  },
  Concurrency: { body: { ReservedConcurrentExecutions: 5 } },
  Mappings: {
    body: {
      EventSourceMappings: [
        { UUID: 'u-1', EventSourceArn: queueArn('jobs'), BatchSize: 10, State: 'Enabled' },
        { UUID: 'u-2', EventSourceArn: queueArn('off'), BatchSize: 10, State: 'Disabled' },
      ],
      NextMarker: 'more',
    },
  },
  NextMappings: {
    body: {
      EventSourceMappings: [
        {
          UUID: 'u-3',
          EventSourceArn: queueArn('secret'),
          BatchSize: 10,
          FunctionResponseTypes: ['ReportBatchItemFailures'],
          ScalingConfig: { MaximumConcurrency: 5 },
        },
      ],
    },
  },
  GetQueueUrl: ({ QueueName }) => {
    if (QueueName !== 'secret') return { body: { QueueUrl: `http://QUEUES/${account}/${QueueName}` } }
    const type = 'com.amazonaws.sqs#AccessDenied'
    return { status: 403, type, body: { __type: type, message: 'no access for you' } }
  },
  GetQueueAttributes: ({ QueueUrl }) => {
    const isDead = String(QueueUrl).endsWith('dead.fifo')
    const policy = JSON.stringify({ deadLetterTargetArn: queueArn('dead.fifo'), maxReceiveCount: 3 })
    const attributes = { VisibilityTimeout: '60', MessageRetentionPeriod: isDead ? '60' : '345600' }
    return { body: { Attributes: isDead ? attributes : { ...attributes, RedrivePolicy: policy } } }
  },
}

/** The queues' addresses lead back to the fake. */
function withAddress(fake: { url: string }): Answers {
  const url: Answers[string] = (body) => {
    const answer = answers.GetQueueUrl
    const found = typeof answer === 'function' ? answer(body) : { body: {} }
    return { ...found, body: JSON.parse(JSON.stringify(found.body).replace('http://QUEUES', fake.url)) }
  }
  return { ...answers, GetQueueUrl: url }
}

async function startFake(t: TestContext, changes: Answers = {}): Promise<FakeAws> {
  const address = { url: '' }
  const fake = await startFakeAws(t, { ...withAddress(address), ...changes })
  address.url = fake.url
  return fake
}

async function check(t: TestContext, url: string, words: readonly string[] = []) {
  const folder = await testFolder(t)
  await writeFile(join(folder, 'rr.yaml'), 'version: "3"\nlambda: {}\n')
  const env = {
    PATH: process.env.PATH,
    HOME: folder,
    AWS_ENDPOINT_URL: url,
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
  }
  const all = ['lambda', 'check', '--function', 'orders', '--region', 'eu-west-1', ...words]
  const child = spawn(process.execPath, [rrCommand, ...all], { cwd: folder, env })
  let [out, err] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text))
  const [code] = await once(child, 'close')
  return { code, out, err }
}

test('a deployed function is asked of AWS, and each fix is a command', async (t) => {
  const fake = await startFake(t)
  const { code, out, err } = await check(t, fake.url, ['--json'])
  assert.deepEqual([code, err], [1, ''])
  const found: { severity: string; rule: string; fix: string }[] = JSON.parse(out).findings
  assert.deepEqual(
    found.map(({ severity, rule }) => `${severity} ${rule}`),
    [
      'error failures-ignored',
      'error dead-letters-type',
      'warning reserved-concurrency',
      'warning visibility-short',
      'warning receive-count',
      'warning dead-letters-retention',
      'note queue-unread',
    ],
  )
  const fixes = found.map(({ fix }) => fix).join('\n')
  assert.match(fixes, /^aws lambda update-event-source-mapping --uuid u-1 --function-response-types Report/m)
  assert.match(
    fixes,
    /^aws lambda update-event-source-mapping --uuid u-1 --scaling-config MaximumConcurrency=5/m,
  )
  assert.match(
    fixes,
    /^aws sqs set-queue-attributes --queue-url http:\S+\/jobs --attributes VisibilityTimeout=180/m,
  )
  assert.ok(fake.asked.includes('NextMappings'))
})

test('a queue that may not be read is a note with AWS’s reason', async (t) => {
  const fake = await startFake(t)
  const { out } = await check(t, fake.url)
  assert.match(
    out,
    /the queue secret of the mapping of secret is not checked: AWS refused sqs:GetQueueUrl: .*no access.*\n.*allow sqs:/,
  )
})

test('a function that does not exist, or that AWS refuses, ends with 1 and says which permission', async (t) => {
  const type = 'AccessDeniedException'
  const refusal = { status: 403, type, body: { Message: 'user joe is not authorized' } }
  for (const [operation, action] of [
    ['Configuration', 'lambda:GetFunctionConfiguration'],
    ['Concurrency', 'lambda:GetFunctionConcurrency'],
    ['Mappings', 'lambda:ListEventSourceMappings'],
  ] as const) {
    const fake = await startFake(t, { [operation]: refusal })
    const { code, out, err } = await check(t, fake.url)
    assert.deepEqual([code, out], [1, ''], operation)
    assert.match(
      err,
      new RegExp(`RR_AWS_CALL: AWS refused ${action}: AccessDeniedException: .*joe`),
      operation,
    )
    assert.match(err, /credentials .*--region/)
  }
})

test('an address where nobody answers ends with 1', async (t) => {
  const { code, err } = await check(t, 'http://127.0.0.1:1')
  assert.equal(code, 1)
  assert.match(err, /RR_AWS_CALL: .*ECONNREFUSED/)
})

test('without AWS’s clients it says how to install them', async () => {
  const missing = async () => {
    throw Object.assign(new Error("Cannot find package '@aws-sdk/client-sqs'"), {
      code: 'ERR_MODULE_NOT_FOUND',
    })
  }
  const packages = { lambda: () => import('@aws-sdk/client-lambda'), sqs: missing }
  await assert.rejects(readDeployed({ name: 'orders', region: 'eu-west-1' }, packages), (error: Error) => {
    assert.ok(hasCode(error, 'RR_AWS_PACKAGE'))
    assert.match(
      String((error as Error & { hint: string }).hint),
      /npm install @aws-sdk\/client-lambda @aws-sdk\/client-sqs/,
    )
    return true
  })
})
