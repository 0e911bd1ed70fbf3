/** The middleware `http_metrics`: real requests of both readers in the metrics that dashboards of RoadRunner show. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startHttpServer } from '../helpers/http.js'
import { started, workerText } from '../helpers/rr.js'
import { eventually } from '../helpers/wait.js'

test('requests are counted by status, timed, and seen while they run', async (t) => {
  const server = await startHttpServer(t, {
    worker: workerText('http-by-body'),
    http: ['middleware: [http_metrics]'],
    more: ['metrics: { address: "127.0.0.1:0" }'],
  })
  const { metrics } = await started(server.rr)
  const scrape = async () => (await fetch(String(metrics))).text()
  const has = (line: string) => eventually(async () => (await scrape()).split('\n').includes(line))
  const post = (status: number, type = 'text/plain') =>
    server.ask('/', {
      method: 'POST',
      headers: { 'Content-Type': type },
      body: `{"status":${status},"headers":{}}\ntext`,
    })
  for (const status of [200, 200, 404]) assert.equal((await post(status)).status, status)
  // An answer that is none, and a request that only node:http reads.
  assert.equal((await server.ask('/')).status, 502)
  const chunked = server.ask('/', {
    method: 'POST',
    headers: { 'Transfer-Encoding': 'chunked' },
    body: '{"status":201,"headers":{}}\n',
  })
  assert.equal((await chunked).status, 201)
  await has('rr_http_requests_queue 0')
  for (const [status, count] of Object.entries({ 200: 2, 201: 1, 404: 1, 502: 1 })) {
    await has(`rr_http_request_total{status="${status}"} ${count}`)
    await has(`rr_http_request_duration_seconds_count{status="${status}"} ${count}`)
  }
  const text = await scrape()
  assert.match(text, /^rr_http_no_free_workers_total 0$/m)
  assert.match(text, /^rr_http_uptime_seconds [\d.]+$/m)
  assert.match(text, /^rr_http_request_duration_seconds_bucket\{le="60",status="200"\} 2$/m)
  // A request whose body has not come has not ended.
  const client = await server.connect()
  client.socket.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Type: a/b\r\nTransfer-Encoding: chunked\r\n\r\n')
  await has('rr_http_requests_queue 1')
  client.socket.destroy()
  await has('rr_http_requests_queue 0')
  await has('rr_http_request_total{status="499"} 1')
})
