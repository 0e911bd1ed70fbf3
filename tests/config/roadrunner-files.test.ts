import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { planStart } from '../../cmd/server/plan.js'
import { formatProblem } from '../../src/schema/tree.js'
import { testFolder } from '../helpers/rr.js'

/** What a start would make of a file of this name. */
async function plan(t: TestContext, name: string, text: string, override: readonly string[] = []) {
  const file = join(await testFolder(t), name)
  await writeFile(file, text)
  const { values, problems } = await planStart('serve', { config: file, override })
  const of = (severity: string) =>
    problems
      .filter((problem) => problem.severity === severity)
      .map((problem) => formatProblem(problem).replace(/^.*?(?=:\d+:\d+: |-o )/, ''))
  return { values, faults: of('error'), warnings: of('warning') }
}

const sample = `version: "3"
rpc: { listen: "tcp://127.0.0.1:6001" }
server:
  command: "php app.php"
  env: [{ APP_ENV: prod }, { Mixed_Case: "1" }]
  relay: pipes
logs: { level: panic, mode: production, output: [stdout], channels: { server: { mode: raw } } }
jobs:
  num_pollers: 10
  pipeline_size: 100000
  consume: [test]
  pool: { num_workers: 0, max_jobs: "64", allocate_timeout: 60s, destroy_timeout: 60s, supervisor: { ttl: 0s } }
  pipelines: { test: { driver: memory, config: { priority: "10" } } }
kv: { cache: { driver: memory, config: { interval: 60 } } }
metrics: { address: "127.0.0.1:2112", collect: { app: { type: counter, help: x, labels: [a, b] } } }
status: { address: "127.0.0.1:2114", unavailable_status_code: 503 }
service: { some: { command: "php loop.php", process_num: 10, exec_timeout: 0, remain_after_exit: "true", restart_sec: 1 } }
otel: { insecure: true, compress: false, client: http, exporter: otlp, custom_url: "", endpoint: "127.0.0.1:4318", service_name: old, headers: { k: v }, resource: { service_name: shop, service_version: 1.0.0, service_namespace: a, service_instance_id: b } }
endure: { grace_period: 30s }
reload: { interval: 1s }
`

test('a sample of RoadRunner’s sections loads, with a warning for what has no meaning here', async (t) => {
  const { values, faults, warnings } = await plan(t, '.rr.yaml', sample)
  assert.deepEqual(faults, [])
  assert.deepEqual(warnings, [
    ':9:3: warning: "jobs.num_pollers" has no meaning here, as many jobs are taken as workers can soon run: use jobs.pool.num_workers',
    ':10:3: warning: "jobs.pipeline_size" has no meaning here, jobs wait in their queue: use jobs.pool.num_workers to run more at once',
    ':19:1: warning: "endure" has no meaning here, stopping is bounded by destroy_timeout of each pool',
    ':20:1: warning: "reload" has no meaning here, use `rr dev`, which restarts workers when files change',
  ])
  const value = (name: string) => values.get(name) as Record<string, Record<string, unknown>>
  const { level, output, shape, channels } = value('logs')
  assert.deepEqual([level, output, shape], ['error', 'stdout', 'roadrunner'])
  assert.deepEqual(channels, {
    server: {
      mode: 'raw',
      level: undefined,
      encoding: undefined,
      output: undefined,
      file_logger_options: undefined,
    },
  })
  assert.equal(value('jobs').pool?.num_workers, 'auto')
  assert.equal(value('jobs').pool?.max_jobs, 64)
  assert.deepEqual(value('server').env, { APP_ENV: 'prod', Mixed_Case: '1' })
  assert.equal(value('service').some?.remain_after_exit, true)
  assert.equal(value('otel').resource?.service_name, 'shop')
  assert.deepEqual(value('otel').headers, { k: 'v' })
})

const httpSample = `version: "3"
server: { command: "php psr-worker.php" }
http:
  address: 127.0.0.1:8080
  internal_error_code: 505
  access_logs: false
  max_request_size: 256
  raw_body: false
  middleware: ["headers", "gzip", "static", "sendfile", "http_metrics", "proxy_ip_parser", "otel"]
  trusted_subnets: ["10.0.0.0/8", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7", "fe80::/10"]
  uploads: { dir: "/tmp", forbid: [".php", ".exe", ".bat", ".sh"], allow: [".html", ".jpg"] }
  headers:
    cors:
      allowed_origin: "*"
      allowed_headers: "*"
      allowed_methods: "GET,POST,PUT,DELETE"
      allow_credentials: true
      exposed_headers: "Cache-Control,Content-Language"
      max_age: 600
      allowed_origin_regex: "^foo"
      options_success_status: 200
      debug: false
    request: { input: "custom-header" }
    response: { X-Powered-By: "RoadRunner" }
  static:
    dir: "."
    forbid: [""]
    calculate_etag: false
    weak: false
    allow: [".txt", ".php"]
    request: { input: "custom-header" }
    response: { output: "output-header" }
  pool:
    debug: false
    command: "php my-super-app.php"
    num_workers: 0
    max_jobs: 64
    max_queue_size: 0
    allocate_timeout: 60s
    reset_timeout: 60s
    stream_timeout: 60s
    destroy_timeout: 60s
    supervisor: { watch_tick: 1s, ttl: 0s, idle_ttl: 10s, max_worker_memory: 128, exec_ttl: 60s }
    dynamic_allocator: { max_workers: 25, spawn_rate: 10, idle_timeout: 10s }
  ssl:
    address: "127.0.0.1:443"
    acme: { certs_dir: rr_le_certs, email: you@example.org, alt_http_port: 80, challenge_type: http-01, use_production_endpoint: true, domains: [example.org] }
    redirect: true
    key: /ssl/server.key
    cert: /ssl/server.crt
    root_ca: /ssl/root.crt
    client_auth_type: no_client_certs
  fcgi: { address: "tcp://0.0.0.0:7921" }
  http2: { h2c: false, max_concurrent_streams: 128 }
  http3: { address: "127.0.0.1:34552", key: a, cert: b }
fileserver:
  address: 127.0.0.1:10101
  calculate_etag: true
  weak: false
  stream_request_body: true
  serve:
    - { prefix: "/foo", root: "public", compress: false, cache_duration: 10, max_age: 10, bytes_range: true }
`

test('RoadRunner’s keys of http and fileserver load, with advice for what is not here', async (t) => {
  const { values, faults, warnings } = await plan(t, '.rr.yaml', httpSample)
  assert.deepEqual(faults, [])
  assert.deepEqual(
    warnings.map((text) => text.replace(/^:\d+:\d+: warning: /, '')),
    [
      '"http.headers.cors.debug" has no meaning here, answers show what was allowed: leave it out',
      '"http.ssl.acme" has no meaning here, let certbot or a proxy in front renew the files of http.ssl, which are read again when they change',
      '"http.fcgi" has no meaning here, proxies speak HTTP to http.address',
      '"http.http3" has no meaning here, let a proxy in front speak HTTP/3',
      '"fileserver.stream_request_body" has no meaning here, files are only read: leave it out',
      '"fileserver.serve[0].cache_duration" has no meaning here, files are looked at for each request: use max_age, by which clients keep them',
    ],
  )
  const http = values.get('http') as Record<string, Record<string, unknown>>
  assert.deepEqual(
    [http.internal_error_code, http.max_request_size, http.pool?.num_workers, http.pool?.max_jobs],
    [505, 256, 'auto', 64],
  )
  assert.deepEqual(http.headers?.request, { input: 'custom-header' })
  assert.deepEqual(http.uploads?.forbid, ['.php', '.exe', '.bat', '.sh'])
  const files = values.get('fileserver') as { serve: unknown }
  assert.deepEqual(files.serve, [
    { prefix: '/foo', root: 'public', compress: false, max_age: 10, bytes_range: true },
  ])
})

const outcomes: readonly (readonly [text: string, faults: readonly RegExp[], warnings: readonly RegExp[]])[] =
  [
    ['server: { command: php }\n', [], [/^:1:1: warning: the file has no version; it is read as "3"$/]],
    ['version: "2.7"\n', [], [/^:1:10: warning: version "2.7" is from an older RoadRunner/]],
    ['version: "1"\n', [], [/^:1:10: warning: version "1"/]],
    // Three of twenty public files misplace keys that RoadRunner ignores.
    [
      'version: "3"\nstatic: { dir: public }\n',
      [],
      [/^:2:1: warning: section "static" is ignored: it belongs to no plugin/],
    ],
    [
      'version: "3"\nserver: { command: php, comand: x }\n',
      [],
      [/^:2:25: warning: unknown key "comand" in "server" is ignored, did you mean "command"\?$/],
    ],
    ['version: "3"\nSERVER: { Command: [php] }\nLogs: { Level: WARNING }\n', [], []],
    ['version: "3"\nserver: { command: "php,worker.php" }\n', [], []],
    [
      'version: "3"\ntemporal: { address: "x:1" }\n',
      [/^:2:1: section "temporal" is not supported, run Temporal/],
      [],
    ],
    // A bare number is nanoseconds there: nobody means that.
    ['version: "3"\njobs: { pool: { allocate_timeout: 60 } }\n', [/^:2:35: .*duration/], []],
    ['version: "3"\njobs: { consume: [a], pipelines: { a: { driver: odd } } }\n', [/^:2:\d+: .*odd/], []],
    ['version: "3"\nstatus: { address: [":2114"], unavailable_status_code: "500" }\n', [], []],
  ]

test('each peculiarity of a `.rr.yaml` has its outcome', async (t) => {
  for (const [text, faults, warnings] of outcomes) {
    const found = await plan(t, '.rr.yaml', text)
    for (const [what, expected] of [
      [found.faults, faults],
      [found.warnings, warnings],
    ] as const) {
      assert.equal(what.length, expected.length, `${text}${what.join('\n')}`)
      for (const [at, one] of expected.entries()) assert.match(what[at] ?? '', one)
    }
  }
})

test('`rr.yaml` stays strict', async (t) => {
  const { faults } = await plan(
    t,
    'rr.yaml',
    'server: { comand: php }\nlogs: { level: warning }\nstatic: {}\n',
  )
  assert.equal(faults.length, 4, faults.join('\n'))
})

test('values on the command line of Octane are taken as RoadRunner takes them', async (t) => {
  const { values, faults, warnings } = await plan(t, '.rr.yaml', '', [
    'version=3',
    'server.command=/usr/bin/php8.2,/app/vendor/bin/roadrunner-worker',
    'rpc.listen=tcp://127.0.0.1:6001',
    'logs.level=warning',
  ])
  assert.deepEqual([faults, warnings], [[], []])
  const server = values.get('server') as { command: unknown }
  assert.deepEqual(server.command, ['/usr/bin/php8.2', '/app/vendor/bin/roadrunner-worker'])
  assert.equal((values.get('logs') as { level: unknown }).level, 'warn')
})
