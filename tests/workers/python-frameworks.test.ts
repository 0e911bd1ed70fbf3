import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { readWorkerLine } from '../../src/logging/worker-lines.js'
import { httpApiEvent, restEvent } from '../helpers/http-events.js'
import { job, startPool, textOf } from '../helpers/pool.js'
import { fixture, missing, projectFolder } from '../helpers/project.js'
import { pythonPackages } from '../helpers/python-packages.js'

const skip = missing('python3')

// With all that they need at run time: `--no-deps` leaves the rest out, such as Chalice's command line.
const packages = [
  'aws-lambda-powertools==3.37.0',
  'certifi==2026.10.19.post1',
  'chalice==1.34.0',
  'jmespath==1.1.0',
  'mangum==0.22.0',
  'opentelemetry-api==1.45.1',
  'opentelemetry-instrumentation==0.66b1',
  'opentelemetry-instrumentation-aws-lambda==0.66b1',
  'opentelemetry-propagator-aws-xray==1.0.2',
  'opentelemetry-sdk==1.45.1',
  'opentelemetry-semantic-conventions==0.66b1',
  'packaging==26.4',
  'sentry-sdk==2.75.0',
  'typing-extensions==4.16.0',
  'urllib3==2.8.0',
  'wrapt==2.5.2',
]

function start(t: TestContext, handler: string) {
  return startPool(t, ['python3', '-m', 'relayrunner', handler], {
    env: {
      PYTHONPATH: `${projectFolder}/workers/python/src:${pythonPackages(packages)}`,
      LAMBDA_TASK_ROOT: fixture('python', 'frameworks'),
      AWS_LAMBDA_FUNCTION_NAME: 'shop',
      AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '512',
      AWS_REGION: 'eu-west-1',
      POWERTOOLS_LOG_LEVEL: 'INFO',
    },
  })
}

let count = 0

function eventJob(event: unknown) {
  count += 1
  const context = {
    kind: 'event',
    awsRequestId: `r-${count}`,
    invokedFunctionArn: 'arn:aws:lambda:eu-west-1:123456789012:function:shop',
    deadlineMs: Date.now() + 60_000,
  }
  return { ...job(JSON.stringify(event), `r-${count}`), context: JSON.stringify(context) }
}

test('Mangum runs an ASGI application', { skip }, async (t) => {
  const { pool } = await start(t, 'asgi_app.handler')
  const event = {
    ...httpApiEvent({ rawPath: '/orders', method: 'POST' }),
    body: 'seven',
    isBase64Encoded: false,
  }
  for (let round = 0; round < 2; round += 1) {
    const { statusCode, body } = JSON.parse(textOf(await pool.run(eventJob(event))))
    assert.deepEqual([statusCode, body], [201, 'POST /shop/cart seven shop'])
  }
})

test('a Chalice application is its own handler', { skip }, async (t) => {
  const { pool } = await start(t, 'chalice_app.app')
  const get = async (number: string) => {
    const event = {
      ...restEvent({ path: `/orders/${number}` }),
      pathParameters: { number },
      requestContext: { httpMethod: 'GET', resourcePath: '/orders/{number}', path: `/orders/${number}` },
    }
    const { statusCode, body } = JSON.parse(textOf(await pool.run(eventJob(event))))
    return [statusCode, JSON.parse(body)]
  }
  assert.deepEqual(await get('7'), [200, { order: '7', request: 'GET', function: 'shop' }])
  assert.equal((await get('0'))[0], 404)
})

test('Powertools routes, logs lines that are merged, and names the failed record of a split batch', {
  skip,
}, async (t) => {
  const { pool, lines } = await start(t, 'powertools_app.handler')
  const answer = await pool.run(eventJob(httpApiEvent({ rawPath: '/orders/7', method: 'GET' })))
  assert.deepEqual(JSON.parse(JSON.parse(textOf(answer)).body), { order: '7' })
  const told = lines.find(({ text }) => text.includes('an order was asked for'))
  assert.ok(told !== undefined)
  const { number, service, function_name } = JSON.parse(told.text)
  assert.deepEqual(
    [readWorkerLine(told).level, number, service, function_name],
    ['warn', '7', 'shop', 'shop'],
  )
  assert.equal(lines.filter(({ text }) => text.includes('an order was asked for')).length, 1)
  const ship = async (body: string) => {
    const rest = {
      messageId: 'm',
      receiptHandle: 'h',
      eventSource: 'aws:sqs',
      attributes: {},
      messageAttributes: {},
    }
    const context = { kind: 'record', source: 'aws:sqs', record: rest, envelope: { Records: [] } }
    return Buffer.from(
      (await pool.run({ ...job(body), context: JSON.stringify(context) })).context,
    ).toString()
  }
  assert.equal(await ship('good'), '')
  // Powertools raises where the whole batch failed, as this batch of one did.
  await assert.rejects(ship('bad'), /BatchProcessingError.*cannot ship/s)
})

test('Sentry takes hold of the event loop’s functions and hears what a handler raises', {
  skip,
}, async (t) => {
  const { pool } = await start(t, 'sentry_app.handler')
  const failing = eventJob('raise')
  await assert.rejects(pool.run(failing), /ValueError: for Sentry$/)
  assert.deepEqual(JSON.parse(textOf(await pool.run(eventJob('tell')))), [['ValueError', failing.id]])
})

test('OpenTelemetry’s instrumentation takes hold of the handler', { skip }, async (t) => {
  const { pool } = await start(t, 'otel_app.handler')
  const first = eventJob({})
  assert.deepEqual(JSON.parse(textOf(await pool.run(first))), [])
  assert.deepEqual(JSON.parse(textOf(await pool.run(eventJob({})))), [['shop', first.id]])
})

test('a marshaller of the function’s own takes the place of JSON, and SnapStart’s hooks run', {
  skip,
}, async (t) => {
  const { pool } = await start(t, 'marshaller_app.handler')
  assert.equal(textOf(await pool.run(eventJob({ a: 1 }))), "<[['application/json', {'a': 1}], []]>")
  await pool.whenIdle()
  assert.equal(await pool.ask('snapshot', { snapshot: 'before' }), 1)
  assert.equal(await pool.ask('snapshot', { snapshot: 'after' }), 1)
  assert.match(textOf(await pool.run(eventJob({}))), /\['before 2', 'before 1', 'after'\]/)
})
