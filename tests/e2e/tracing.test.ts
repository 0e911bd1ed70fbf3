/** The plugin `otel`: spans of requests, jobs and events reach a collector, and workers continue the trace. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { startBootstrap } from '../helpers/bootstrap.js'
import { type Answered, startHttpServer } from '../helpers/http.js'
import { type OtlpReceiver, otlpReceiver, type ReceivedSpan } from '../helpers/otlp-receiver.js'
import { missing } from '../helpers/project.js'
import { startQueues } from '../helpers/queues.js'
import { invoke, lambdaConfig, sqsEvent, startRr, testFolder, workerText } from '../helpers/rr.js'
import { eventually } from '../helpers/wait.js'
import { wireApi } from '../helpers/wire-api.js'

const traceId = '0af7651916cd43dd8448eb211c80319c'
const parentId = 'b7ad6b7169203331'
const traceparent = `00-${traceId}-${parentId}-01`
// The SDK exports after five seconds else.
const env = { OTEL_BSP_SCHEDULE_DELAY: '20' }

const otel = ({ port }: OtlpReceiver, more = '') =>
  `otel: { endpoint: "127.0.0.1:${port}", insecure: true, resource: { service_name: shop, service_version: "1.2" }${more} }`

interface AppSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly headers: Readonly<Record<string, string>>
}

/** What the worker `traced` wrote down. */
const appSpans = (folder: string): readonly AppSpan[] =>
  readFileSync(join(folder, 'spans'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))

/** The span of the server, and that of the worker's run, which is the parent of the application's. */
function chain(spans: readonly ReceivedSpan[], app: AppSpan) {
  const run = spans.find(({ spanId }) => spanId === app.parentSpanId)
  const server = spans.find(({ spanId }) => spanId === run?.parentSpanId)
  assert.ok(run !== undefined && server !== undefined, JSON.stringify({ app, spans }, bigints))
  assert.deepEqual([run.traceId, server.traceId], [app.traceId, app.traceId])
  assert.ok(server.startNs <= run.startNs && run.startNs <= run.endNs && run.endNs <= server.endNs)
  return { run, server }
}

const bigints = (_key: string, value: unknown) => (typeof value === 'bigint' ? String(value) : value)

const appOf = ({ text }: Answered): AppSpan => JSON.parse(text)

async function startHttp(
  t: TestContext,
  receiver: OtlpReceiver,
  more: { otel?: string; http?: readonly string[] } = {},
) {
  const folder = await testFolder(t)
  const worker = workerText('traced', folder)
  const { http = [] } = more
  return startHttpServer(t, { folder, worker, http, more: [otel(receiver, more.otel)], env })
}

test('a request is a part of its client’s trace, and the worker’s spans are parts of its run', async (t) => {
  const receiver = await otlpReceiver(t)
  const server = await startHttp(t, receiver)
  const headers = { traceparent, tracestate: 'a=1', baggage: 'user=7', 'X-Own': 'x' }
  const app = appOf(await server.ask('/orders?secret=1', { headers }))
  assert.equal(app.traceId, traceId)
  assert.equal(app.headers['x-own'], 'x')
  assert.deepEqual([app.headers.tracestate, app.headers.baggage], ['a=1', 'user=7'])
  const { run, server: span } = chain(await receiver.until(2), app)
  assert.equal(span.parentSpanId, parentId)
  assert.deepEqual([span.name, span.kind, run.name, run.kind], ['GET', 2, 'worker http', 1])
  const { 'client.address': client, 'server.port': port, ...attributes } = span.attributes
  assert.equal(client, '127.0.0.1')
  assert.equal(port, server.port)
  assert.deepEqual(attributes, {
    'http.request.method': 'GET',
    'url.path': '/orders',
    'url.scheme': 'http',
    'server.address': 'localhost',
    'network.protocol.version': '1.1',
    'http.response.status_code': 200,
    'http.response.body.size': app === undefined ? 0 : attributes['http.response.body.size'],
  })
  const { 'service.name': name, 'service.version': version } = span.resource
  assert.deepEqual([name, version], ['shop', '1.2'])
})

test('requests of all kinds are traced: without a parent, with a body, behind middleware, that fail', async (t) => {
  const receiver = await otlpReceiver(t)
  const http = ['middleware: ["headers", "gzip", "otel"]', 'headers: { request: { X-Told: a } }']
  const server = await startHttp(t, receiver, { http })
  const plain = appOf(await server.ask('/'))
  const form = { 'Content-Type': 'application/x-www-form-urlencoded', traceparent }
  const posted = appOf(await server.ask('/form', { method: 'POST', headers: form, body: 'a=1' }))
  const failed = await server.ask('/x', {
    method: 'POST',
    headers: { 'Content-Type': 'text/plain' },
    body: 'fail',
  })
  assert.equal(failed.status, 500)
  const spans = await receiver.until(6)
  assert.equal(chain(spans, plain).server.parentSpanId, '')
  assert.notEqual(plain.traceId, traceId)
  assert.equal(chain(spans, posted).server.parentSpanId, parentId)
  assert.equal(plain.headers['x-told'], 'a')
  const errors = spans.filter(({ status }) => status === 2)
  assert.deepEqual(errors.map(({ name, attributes }) => [name, attributes['error.type']]).sort(), [
    ['POST', '500'],
    ['worker http', 'RR_JOB_FAILED'],
  ])
  assert.match(errors.map(({ message }) => message).join(), /told to fail/)
})

test('a PHP worker is told the trace, in both codecs', { skip: missing('php') }, async (t) => {
  for (const codec of ['json', 'proto']) {
    const receiver = await otlpReceiver(t)
    const server = await startHttpServer(t, { more: [otel(receiver)], http: [`codec: ${codec}`], env })
    const { text } = await server.ask('/told', { headers: { traceparent, Cookie: 'a=1' } })
    const spans = await receiver.until(2)
    const run = spans.find(({ name }) => name === 'worker http')
    assert.match(text, new RegExp(`00-${traceId}-${run?.spanId}-01`), text)
    assert.doesNotMatch(text, new RegExp(parentId))
    await server.rr.child.kill('SIGTERM')
    await server.rr.ended
  }
})

test('a trace that its client does not record is not recorded, and the worker is told so', async (t) => {
  const receiver = await otlpReceiver(t)
  const server = await startHttp(t, receiver)
  const app = appOf(await server.ask('/', { headers: { traceparent: traceparent.replace(/1$/, '0') } }))
  assert.match(app.headers.traceparent ?? '', new RegExp(`^00-${traceId}-.*-00$`))
  const recorded = appOf(await server.ask('/'))
  const spans = await receiver.until(2)
  assert.deepEqual(new Set(spans.map((span) => span.traceId)), new Set([recorded.traceId]))
})

test('with sampling_ratio 0 only traces that began elsewhere are recorded', async (t) => {
  const receiver = await otlpReceiver(t)
  const server = await startHttp(t, receiver, { otel: ', sampling_ratio: 0' })
  await server.ask('/')
  await server.ask('/', { headers: { traceparent } })
  const spans = await receiver.until(2)
  assert.deepEqual(new Set(spans.map((span) => span.traceId)), new Set([traceId]))
})

test('spans that wait are exported when the server stops, compressed and with headers as the file says', async (t) => {
  const receiver = await otlpReceiver(t)
  const folder = await testFolder(t)
  const more = [otel(receiver, ', compress: true, custom_url: /own/traces, headers: { X-Key: s3cret }')]
  const server = await startHttpServer(t, { folder, worker: workerText('traced', folder), more })
  await server.ask('/')
  server.rr.child.kill('SIGTERM')
  assert.equal(await server.rr.ended, 0)
  assert.equal(receiver.spans.length, 2)
  const [request] = receiver.requests
  assert.equal(request?.path, '/own/traces')
  assert.deepEqual([request?.headers['x-key'], request?.headers['content-encoding']], ['s3cret', 'gzip'])
  assert.doesNotMatch(server.rr.text(), /s3cret/)
})

test('a collector that is down is one line, costs no request, and its return is another line', async (t) => {
  const first = await otlpReceiver(t)
  await first.close()
  const server = await startHttp(t, first)
  for (let count = 0; count < 5; count += 1) assert.equal((await server.ask('/')).status, 200)
  const isTold = ({ message }: { message: string }) => /traces cannot be exported/.test(message)
  const line = await server.rr.line(isTold)
  assert.deepEqual([line.level, line.logger], ['warn', 'otel'])
  assert.match(String(line.to), /^http:\/\/127\.0\.0\.1:\d+\/v1\/traces$/)
  assert.match(String(line.error), /ECONNREFUSED/)
  const second = await otlpReceiver(t, first.port)
  await eventually(async () => {
    await server.ask('/')
    return second.spans.length > 0
  })
  await server.rr.line(({ message }) => message === 'traces are exported again')
  assert.equal(server.rr.lines().filter(isTold).length, 1)
})

test('a job continues the trace of its headers; its failure is told', async (t) => {
  const receiver = await otlpReceiver(t)
  for (const mode of ['jobs', 'raw']) {
    const folder = await testFolder(t)
    const server = await startQueues(t, {
      folder,
      env,
      worker: workerText('traced', folder),
      jobs: [
        `mode: ${mode}`,
        'consume: [mail]',
        'retry: { max: 1 }',
        'pipelines: { mail: { driver: memory } }',
      ],
      sections: [otel(receiver)],
    })
    const headers = { traceparent: [traceparent], own: ['x'] }
    await server.push('mail', { id: `good-${mode}`, headers }, { id: `bad-${mode}`, body: 'fail' })
    const spans = await receiver.until(4, ({ attributes }) => attributes !== undefined)
    await eventually(
      () => receiver.spans.filter(({ kind }) => kind === 5).length === (mode === 'jobs' ? 2 : 4),
    )
    const all = receiver.spans
    assert.ok(spans.length >= 4)
    const good = appSpans(folder).find((one) => one.traceId === traceId)
    const bad = appSpans(folder).find((one) => one.traceId !== traceId)
    assert.ok(good !== undefined && bad !== undefined)
    const { server: span } = chain(all, good)
    assert.deepEqual([span.name, span.kind, span.parentSpanId], ['process mail', 5, parentId])
    assert.deepEqual(
      [
        span.attributes['messaging.message.id'],
        span.attributes['messaging.operation.type'],
        span.attributes['rr.verdict'],
      ],
      [`good-${mode}`, 'process', 'done'],
    )
    const failed = chain(all, bad).server
    assert.deepEqual([failed.status, failed.attributes['rr.verdict']], [2, 'retry'])
    assert.match(failed.message, /told to fail/)
    if (mode === 'jobs') assert.equal(good.headers.own, 'x')
  }
})

test('records of a batch are parts of the event’s trace, or of their producers’, and linked to the event', async (t) => {
  const receiver = await otlpReceiver(t)
  const folder = await testFolder(t)
  const more = `emulator: { address: "127.0.0.1:0" }\n${otel(receiver)}`
  const rr = await startRr(t, ['serve'], {
    folder,
    config: lambdaConfig(workerText('traced', folder), { more }),
    env,
  })
  const event = sqsEvent(['one', 'two', 'three', 'fail'])
  const root = `Root=1-${traceId.slice(0, 8)}-${traceId.slice(8)};Parent=${parentId}`
  const given: Record<number, object> = {
    1: { messageAttributes: { traceparent: { stringValue: traceparent, dataType: 'String' } } },
    2: { attributes: { AWSTraceHeader: `${root};Sampled=1` } },
    3: { attributes: { AWSTraceHeader: `${root};Sampled=0` } },
  }
  const Records = event.Records.map((record, at) => ({ ...record, ...given[at] }))
  const { body } = await invoke(rr, { Records })
  assert.equal(JSON.parse(body).batchItemFailures.length, 1)
  const spans = await receiver.until(9)
  const whole = spans.find(({ kind }) => kind === 2)
  assert.ok(whole !== undefined)
  assert.equal(whole.attributes['faas.coldstart'], true)
  const records = appSpans(folder).map((app) => chain(spans, app).server)
  const inEvent = records.filter((one) => one.parentSpanId === whole.spanId)
  const fromProducers = records.filter((one) => one.parentSpanId === parentId)
  assert.deepEqual([inEvent.length, fromProducers.length], [2, 2])
  for (const one of fromProducers) assert.deepEqual([one.traceId, one.links], [traceId, [whole.spanId]])
  assert.deepEqual(
    new Set(records.map(({ attributes }) => attributes['messaging.system'])),
    new Set(['aws_sqs']),
  )
  assert.deepEqual(inEvent.map(({ status }) => status).sort(), [0, 2])
})

test('inside Lambda spans are exported before the next event is asked for', async (t) => {
  const receiver = await otlpReceiver(t)
  const folder = await testFolder(t)
  const api = await wireApi(t)
  const config = lambdaConfig(workerText('traced', folder), { count: 1, more: otel(receiver) })
  await startBootstrap(t, api, { folder, config })
  await api.polled()
  for (let count = 1; count <= 3; count += 1) {
    api.hand(`id-${count}`, '{"n":1}')
    await api.polled()
    assert.equal(receiver.spans.length, count * 2)
  }
  const apps = appSpans(folder)
  const spans = apps.map((app) => chain(receiver.spans, app).server)
  assert.deepEqual(
    spans.map(({ name, attributes }) => [
      name,
      attributes['faas.invocation_id'],
      attributes['faas.coldstart'],
    ]),
    [
      ['f', 'id-1', true],
      ['f', 'id-2', false],
      ['f', 'id-3', false],
    ],
  )
  assert.equal(spans[0]?.resource['faas.name'], 'f')
})

test('spans are lines of JSON with the exporters stdout and stderr', async (t) => {
  const folder = await testFolder(t)
  const server = await startHttpServer(t, {
    folder,
    worker: workerText('traced', folder),
    more: ['otel: { exporter: stderr }'],
    env,
  })
  const app = appOf(await server.ask('/'))
  const line = await server.rr.line(({ spanId }) => spanId === app.parentSpanId)
  assert.deepEqual([line.name, line.traceId], ['worker http', app.traceId])
})
