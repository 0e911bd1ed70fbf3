import assert from 'node:assert/strict'
import { cpSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, type TestContext, test } from 'node:test'
import type { Reply } from '../../src/index.js'
import { readWorkerLine } from '../../src/logging/worker-lines.js'
import { type HandlerPool, startHandler } from '../helpers/handler-pool.js'
import { httpApiEvent } from '../helpers/http-events.js'
import { nodePackages } from '../helpers/node-packages.js'
import { fixture } from '../helpers/project.js'
import { testFolder } from '../helpers/rr.js'

const packages = {
  '@apollo/server': '5.5.1',
  '@as-integrations/aws-lambda': '4.1.0',
  '@aws-lambda-powertools/batch': '2.35.0',
  '@aws-lambda-powertools/logger': '2.36.0',
  '@codegenie/serverless-express': '4.17.1',
  '@fastify/aws-lambda': '6.4.1',
  '@middy/core': '6.4.5',
  '@opentelemetry/api': '1.9.1',
  '@opentelemetry/instrumentation': '0.220.0',
  '@opentelemetry/instrumentation-aws-lambda': '0.75.0',
  '@opentelemetry/sdk-trace-node': '2.12.0',
  '@sentry/aws-serverless': '10.75.2',
  'datadog-lambda-js': '12.143.0',
  express: '5.3.0',
  fastify: '5.12.8',
  graphql: '16.11.0',
  hono: '4.13.19',
}

let modules = ''
before(() => {
  modules = nodePackages(packages)
})

/** A function's folder as it is deployed: its files and their `node_modules`. */
async function start(
  t: TestContext,
  handler: string,
  env: Record<string, string> = {},
): Promise<HandlerPool> {
  const folder = await testFolder(t)
  cpSync(fixture('node-frameworks'), folder, { recursive: true })
  symlinkSync(modules, join(folder, 'node_modules'))
  const lambda = {
    _HANDLER: handler,
    AWS_LAMBDA_FUNCTION_NAME: 'shop',
    AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '512',
    AWS_REGION: 'eu-west-1',
  }
  return startHandler(t, {}, { handler, folder, cwd: folder, env: { ...lambda, ...env } })
}

const facts = {
  functionName: 'shop',
  invokedFunctionArn: 'arn:aws:lambda:eu-west-1:123456789012:function:shop',
  deadlineMs: Date.now() + 300_000,
}

async function answerTo(worker: HandlerPool, event: unknown, context: object = {}) {
  const { error, result } = await worker.call(event, { ...facts, ...context })
  assert.equal(error, undefined, JSON.stringify(error))
  return JSON.parse(result ?? '')
}

const order = {
  ...httpApiEvent({ rawPath: '/orders/7', rawQueryString: 'a=1', method: 'POST' }),
  headers: { host: 'shop.example', 'content-type': 'application/json' },
  queryStringParameters: { a: '1' },
  body: '{"kind":"ä"}',
}

/** Twice, as a second event must not differ from the first. */
async function assertTakesOrders(worker: HandlerPool) {
  for (let round = 0; round < 2; round += 1) {
    const { statusCode, headers, body } = await answerTo(worker, order)
    assert.equal(statusCode, 201)
    assert.match(headers['content-type'], /^application\/json/)
    assert.deepEqual(JSON.parse(body), { order: '7', query: { a: '1' }, body: { kind: 'ä' } })
  }
}

/** The worker streams AWS's HTTP head, and `one two` behind eight NULs. */
async function assertStreams(worker: HandlerPool, status: number) {
  const event = { ...httpApiEvent({ rawPath: '/pieces' }), queryStringParameters: {} }
  const context = JSON.stringify({ kind: 'event', awsRequestId: 'r-1', ...facts })
  for (let round = 0; round < 2; round += 1) {
    const frames: Reply[] = []
    const job = { context, body: JSON.stringify(event), codec: 0x04 } as const
    const last = await worker.pool.run(job, { onChunk: (chunk) => void frames.push(chunk) })
    const all = [...frames, last]
    const sent = Buffer.concat(all.map(({ body }) => body))
    const [head = '', body] = sent.toString().split('\0'.repeat(8))
    assert.deepEqual([JSON.parse(head).statusCode, body], [status, 'one two'])
    const type = 'application/vnd.awslambda.http-integration-response'
    assert.equal(JSON.parse(Buffer.from(all[0]?.context ?? '').toString()).content_type, type)
  }
}

// Each has a worker of its own; two start at a time.
describe('frameworks run unchanged', { concurrency: 2 }, () => {
  test('middy runs its middleware before and after a handler, and when it fails', async (t) => {
    const worker = await start(t, 'middy_app.handler')
    assert.deepEqual(await answerTo(worker, {}), { before: true, function: 'shop', after: true })
    assert.deepEqual(await answerTo(worker, { fails: true }), { failed: 'told to fail' })
  })

  test('middy streams', async (t) => assertStreams(await start(t, 'middy_app.streaming'), 201))

  test('Express answers through serverless-express', async (t) => {
    const worker = await start(t, 'express_app.handler')
    await assertTakesOrders(worker)
    assert.deepEqual((await answerTo(worker, order)).cookies, ['seen=7; Path=/'])
    assert.equal((await answerTo(worker, { ...order, rawPath: '/nowhere' })).statusCode, 404)
  })

  test('Fastify answers through its adapter', async (t) =>
    assertTakesOrders(await start(t, 'fastify_app.handler')))

  test('Fastify streams', async (t) => assertStreams(await start(t, 'fastify_app.streaming'), 200))

  test('Hono answers', async (t) => assertTakesOrders(await start(t, 'hono_app.handler')))

  test('Hono streams', async (t) => assertStreams(await start(t, 'hono_app.streaming'), 200))

  test('Apollo answers queries', async (t) => {
    const worker = await start(t, 'apollo_app.handler')
    const ask = async (query: string) =>
      JSON.parse((await answerTo(worker, { ...order, body: JSON.stringify({ query }) })).body)
    assert.deepEqual(await ask('{ order(number: 7) }'), { data: { order: 'order 7' } })
    assert.match((await ask('{ nothing }')).errors[0].message, /Cannot query field/)
  })

  test('Powertools logs lines that are merged, and fails the record of a split batch that it failed', async (t) => {
    const worker = await start(t, 'powertools_app.handler')
    const ship = (body: string) => {
      const record = { messageId: 'm', receiptHandle: 'h', eventSource: 'aws:sqs', attributes: {} }
      const context = { kind: 'record', source: 'aws:sqs', record, envelope: { Records: [] } }
      return worker.call(Buffer.from(body), { ...facts, ...context })
    }
    assert.deepEqual(await ship('good'), { result: '{"batchItemFailures":[]}', context: '' })
    const told = await worker.line(/an order was shipped/)
    const { message, order: shipped, service, function_name } = JSON.parse(told.text)
    assert.deepEqual(
      [readWorkerLine(told).level, message, shipped, service, function_name],
      ['warn', 'an order was shipped', 'good', 'shop', 'shop'],
    )
    assert.equal((await ship('bad')).error?.errorType, 'FullBatchFailureError')
  })
})

describe('instrumentation takes hold', { concurrency: 2 }, () => {
  test('OpenTelemetry’s instrumentation makes a span of each event', async (t) => {
    const NODE_OPTIONS = '--require ./otel_setup.cjs'
    const worker = await start(t, 'otel_app.handler', { NODE_OPTIONS })
    assert.deepEqual(await answerTo(worker, {}), { isTraced: true, finished: [] })
    assert.deepEqual(await answerTo(worker, {}), { isTraced: true, finished: [['shop', 'r-1']] })
  })

  const sentry = { SENTRY_DSN: 'http://key@127.0.0.1:9/1', SENTRY_TRACES_SAMPLE_RATE: '1' }
  for (const [how, handler, env] of [
    ['--require', 'sentry_app.handler', { NODE_OPTIONS: '--require @sentry/aws-serverless/awslambda-auto' }],
    ['wrapHandler', 'sentry_app.wrapped', {}],
  ] as const)
    test(`Sentry hears what a handler throws (${how})`, async (t) => {
      const worker = await start(t, handler, { ...sentry, ...env })
      assert.equal((await worker.call({ fails: true }, facts)).error?.errorMessage, 'for Sentry')
      const told = [['TypeError', 'for Sentry', 'r-1']]
      assert.deepEqual(await answerTo(worker, {}), told)
    })

  test('Datadog’s redirected handler wraps the function’s own', async (t) => {
    const worker = await start(t, 'node_modules/datadog-lambda-js/dist/handler.handler', {
      DD_LAMBDA_HANDLER: 'datadog_app.handler',
      DD_FLUSH_TO_LOG: 'true',
      DD_TRACE_ENABLED: 'false',
    })
    assert.equal(await answerTo(worker, {}), 'answered')
    await worker.line(/"m":"shop\.orders"/)
    await worker.line(/"m":"aws\.lambda\.enhanced\.invocations"/)
    assert.equal((await worker.call({ fails: true }, facts)).error?.errorMessage, 'for Datadog')
    await worker.line(/"m":"aws\.lambda\.enhanced\.errors"/)
  })
})
