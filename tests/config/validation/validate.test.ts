import assert from 'node:assert/strict'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { builtInSections } from '../../../cmd/server/sections.js'
import { jsonSchema, shippedSchemaId } from '../../../config/json-schema.js'
import { loadConfig } from '../../../config/load.js'
import { validateConfig } from '../../../config/validation/validate.js'
import { formatProblem } from '../../../src/schema/tree.js'
import { projectFolder, shippedFolder } from '../../helpers/project.js'
import { testFolder } from '../../helpers/rr.js'

interface Given {
  readonly files?: Readonly<Record<string, string>>
  readonly env?: Readonly<Record<string, string>>
  readonly overrides?: readonly string[]
}

async function read(t: TestContext, text: string, given: Given = {}) {
  const folder = await testFolder(t)
  for (const [name, content] of Object.entries({ 'rr.yaml': text, ...given.files })) {
    await mkdir(join(folder, name, '..'), { recursive: true })
    await writeFile(join(folder, name), content)
  }
  const loaded = await loadConfig({
    file: join(folder, 'rr.yaml'),
    cwd: folder,
    env: given.env ?? {},
    overrides: given.overrides ?? [],
  })
  const checked = await validateConfig(loaded.entries, builtInSections, new Set())
  const problems = [...loaded.problems, ...checked.problems].map(formatProblem)
  return { problems, values: checked.values, loaded }
}

// After `version: "3"` on line 1.
const faults: readonly [text: string, problem: RegExp][] = [
  [
    'lambda: { mod: raw }',
    /^rr\.yaml:2:11: unknown key "mod" in "lambda", did you mean "mode"\? Expected one of mode, .*$/,
  ],
  ['lamda: {}', /^rr\.yaml:2:1: section "lamda" belongs to no plugin, did you mean "lambda"\?$/],
  [
    'lambda:\n  pool:\n    num_worker: 3',
    /^rr\.yaml:4:5: unknown key "num_worker" in "lambda\.pool".*did you mean "num_workers"/,
  ],
  [
    'lambda: { pool: { num_workers: 0 } }',
    /^rr\.yaml:2:32: "lambda\.pool\.num_workers": 0, expected a whole number from 1/,
  ],
  [
    'lambda: { pool: { num_workers: many } }',
    /2:32: .*"many", expected a whole number from 1 to 2048 or "auto"/,
  ],
  ['lambda: { pool: { max_jobs: 1.5 } }', /2:29: .*expected a whole number/],
  ['lambda: { pool: { allocate_timeout: 60 } }', /2:37: .*"60", expected a duration .*write 60s/],
  ['lambda: { pool: { allocate_timeout: 0s } }', /2:37: .*zero, expected a duration .*above zero/],
  ['lambda: { pool: { allocate_timeout: soon } }', /2:37: .*"soon", expected a duration/],
  ['lambda: { mode: jobs, records_per_job: 5 }', /2:23: .*5 records a job need mode: raw/],
  ['lambda: { mode: jobs, streaming: on }', /2:23: .*is not a stream/],
  ['lambda: { mode: rw }', /2:17: .*"rw", did you mean "raw"\? Expected one of raw, event, jobs, http$/],
  ['lambda: { records_per_job: 0 }', /2:28: .*expected a whole number from 1/],
  ['lambda: { failed: "https://sqs" }', /2:19: .*expected redrive, log, worker, or the URL of a queue/],
  ['lambda: { pool: { dynamic_allocator: { max_workers: 0 } } }', /2:53: .*expected a whole number from 1/],
  ['lambda: { pool: { supervisor: { ttl: 5 } } }', /2:38: .*ttl": "5", expected a duration/],
  ['server: { relay: carrier-pigeon }', /2:18: .*expected auto, fifo, pipes, unix/],
  ['server: { command: "php \'open" }', /2:20: .*leaves a quote open|2:20: .*expected/],
  ['server: { env: { "not a name": x } }', /2:18: .*the name "not a name"/],
  ['centrifuge: { proxy_address: x }', /2:1: section "centrifuge" is not supported yet/],
  ['grpc: { listen: ":9001" }', /2:7: "grpc.proto": there is no service to serve/],
  ['grpc: { proto: [a.proto] }', /2:7: "grpc" has no "listen"/],
  [
    'grpc: { listen: ":9001", proto: [a.proto], interceptors: [auth] }',
    /2:\d+: .*there is no interceptor "auth": RoadRunner's are written in Go/,
  ],
  ['grpc: { listen: ":9001", proto: [a.proto], pool: shared, env: { A: b } }', /the pool "shared" is shared/],
  ['grpc: { listen: ":9001", proto: [a.proto], max_recv_msg_size: 64 }', /2:\d+: .*63/],
  [
    'grpc: { listen: ":9001", proto: [a.proto], tls: { key: k, cert: c, client_auth_type: require_and_verify_client_cert } }',
    /certificates are verified by no authority/,
  ],
  ['logs: { level: loud }', /2:16: .*"loud", expected one of debug, info, warn, error, off/],
  ['logs: { line_max: big }', /2:19: .*expected a size such as 16MB/],
  ['logs: [1]', /2:7: "logs": a list, expected keys with values/],
  [
    'logs: { level: info, level: warn }',
    /^rr\.yaml:2:22: the key "level" is written twice, first at rr\.yaml:2:9, remove one of them$/,
  ],
  [
    'logs: {}\nserver:\n  command: a\n  env: {}\nlogs: {}',
    /^rr\.yaml:6:1: the key "logs" is written twice, first at rr\.yaml:2:1, remove one of them$/,
  ],
  [
    'server: { env: { FOO: ${VAR} } }\nlogs: { level: info }',
    /^rr\.yaml:2:23: not YAML: \$\{VAR\} inside \{ \} or \[ \] is read as a map, quote it: "\$\{VAR\}"$/,
  ],
  ['plugins: [x${VAR:-y}z]', /^rr\.yaml:2:11: not YAML: .*quote it: "x\$\{VAR:-y\}z"$/],
  ['logs:\n\tlevel: info', /^rr\.yaml:3:1: not YAML/],
  ['plugins: [{ a: b }]', /2:11: a plugin that is not a text/],
]
test('every fault says where it is, what was read, what was expected and the nearest name', async (t) => {
  for (const [text, problem] of faults) {
    const { problems } = await read(t, `version: "3"\n${text}\n`)
    assert.equal(problems.length, 1, `${text}\n${problems.join('\n')}`)
    assert.match(problems[0] ?? '', problem)
  }
})

test('every variable without quotes in a map on one line is named, and nothing that follows from it', async (t) => {
  const text =
    'lambda: { pool: { num_workers: ${WORKERS}, command: "x" } }\nserver: { env: { A: ${B}-${C} } }\n'
  const { problems } = await read(t, `version: "3"\n${text}`)
  const hints = problems.map((problem) => /^rr\.yaml:(\d+:\d+):.* quote it: (.*)$/.exec(problem)?.slice(1))
  assert.deepEqual(hints, [
    ['2:32', '"${WORKERS}"'],
    ['3:21', '"${B}-${C}"'],
  ])
})

test('all faults of all sections come in one run', async (t) => {
  const { problems } = await read(
    t,
    'version: "3"\nlogs: { lev: x }\nlambda: { mode: x, fifo: y }\nrpcc: {}\n',
  )
  assert.equal(problems.length, 4, problems.join('\n'))
})

test('the version is required and must be "3"', async (t) => {
  assert.match(
    (await read(t, 'logs: {}\n')).problems[0] ?? '',
    /^rr\.yaml:1:1: the file has no version, expected version: "3"/,
  )
  assert.match(
    (await read(t, 'version: "4"\n')).problems[0] ?? '',
    /^rr\.yaml:1:10: version "4", expected "3"/,
  )
  assert.match((await read(t, 'version: "2.7"\n')).problems[0] ?? '', /warning: version "2\.7"/)
  assert.deepEqual((await read(t, 'version: 3\n')).problems, [])
})

test('durations become ms, sizes bytes, text that reads as a number or boolean is one', async (t) => {
  const { problems, values } = await read(
    t,
    'version: "3"\nlogs: { line_max: 64KB }\nlambda:\n  partial_failures: off\n  deadline_margin: 1m2.5s\n  pool: { num_workers: "4", max_jobs: "10" }\n',
  )
  assert.deepEqual(problems, [])
  const lambda = Object(values.get('lambda'))
  assert.deepEqual(Object(values.get('logs')).line_max, 65536)
  assert.deepEqual([lambda.partial_failures, lambda.deadline_margin], ['off', 62_500])
  assert.deepEqual([lambda.pool.num_workers, lambda.pool.max_jobs], [4, 10])
})

test('a section without keys takes its defaults, and so does a key without a value', async (t) => {
  const { problems, values } = await read(t, 'version: "3"\nlambda:\nlogs:\n  level:\n')
  assert.deepEqual(problems, [])
  assert.equal(Object(values.get('lambda')).pool.num_workers, 'auto')
  assert.equal(Object(values.get('logs')).level, 'info')
})

test('variables are expanded after parsing: typed anew when unquoted, never able to add keys', async (t) => {
  const env = { N: '3', LEVEL: 'warn', EVIL: 'x\nlogs: { level: off }' }
  const text =
    'version: "3"\nlogs: { level: "${LEVEL}" }\nlambda:\n  pool:\n    num_workers: ${N}\n    max_jobs: ${M:-7}\n    command: "php ${EVIL}"\n'
  const { problems, values } = await read(t, text, { env })
  assert.deepEqual(problems, [])
  const { pool } = Object(values.get('lambda'))
  assert.deepEqual([pool.num_workers, pool.max_jobs, pool.command], [3, 7, `php ${env.EVIL}`])
})

test('a variable without value and default is a warning with its place', async (t) => {
  const { problems } = await read(t, 'version: "3"\nserver: { env: { A: "${NOT_SET}" } }\n')
  assert.match(problems[0] ?? '', /^rr\.yaml:2:21: warning: the environment variable NOT_SET is not set/)
})

test('an include replaces whole sections, an override beats both, and both keep their places', async (t) => {
  const files = { 'more/logs.yaml': 'version: "3"\nlogs: { level: error }\n' }
  const text = 'version: "3"\ninclude: more/logs.yaml\nlogs: { level: debug, encoding: json }\n'
  const { problems, values } = await read(t, text, {
    files,
    overrides: ['logs.encoding=console', 'lambda.pool.num_workers=5'],
  })
  assert.deepEqual(problems, [])
  assert.deepEqual(values.get('logs'), {
    level: 'error',
    encoding: 'console',
    line_max: 16 * 2 ** 20,
    output: 'stderr',
    channels: {},
    file_logger_options: { log_output: '', max_size: 100, max_age: 24, max_backups: 10, compress: false },
    ship: [],
    mode: undefined,
    shape: 'own',
  })
  assert.equal(Object(values.get('lambda')).pool.num_workers, 5)
  const bad = await read(t, 'version: "3"\n', { overrides: ['logs.level=loud', 'nonsense'] })
  assert.match(bad.problems.join('\n'), /-o logs\.level: .*"loud"/)
  assert.match(bad.problems.join('\n'), /the override "nonsense", expected key\.path=value/)
})

test('an include that is missing, or includes itself, is a fault at its line', async (t) => {
  assert.match(
    (await read(t, 'version: "3"\ninclude: nowhere.yaml\n')).problems[0] ?? '',
    /^rr\.yaml:2:10: cannot read/,
  )
  assert.match(
    (await read(t, 'version: "3"\ninclude: [rr.yaml]\n')).problems[0] ?? '',
    /^rr\.yaml:2:11: rr\.yaml includes itself/,
  )
})

test('a key of RoadRunner without a meaning here is a warning that says what to use', async (t) => {
  const { problems } = await read(
    t,
    'version: "3"\nendure: { grace_period: 5s }\nlogs: { line_ending: "\\r\\n" }\n',
  )
  assert.equal(problems.length, 2)
  assert.match(problems.join('\n'), /rr\.yaml:2:1: warning: "endure" has no meaning here/)
  assert.match(
    problems.join('\n'),
    /rr\.yaml:3:9: warning: "logs\.line_ending" has no meaning here, lines end with a newline/,
  )
})

test('keys that every object has are unknown keys like any other', async (t) => {
  for (const key of ['__proto__', 'constructor', 'toString']) {
    const text = `version: "3"\n${key}: { a: 1 }\nserver: { command: "true", ${key}: 1 }\n`
    const problems = (await read(t, text)).problems.join('\n')
    assert.doesNotMatch(problems, /no meaning here/, key)
    assert.match(problems, new RegExp(`2:1: .*"${key}"`), key)
    assert.match(problems, new RegExp(`3:\\d+: unknown key "${key}" in "server"`), key)
  }
})

test('server.env takes RoadRunner’s list of pairs, and a plugin path counts from the file that names it', async (t) => {
  const { values, loaded } = await read(
    t,
    'version: "3"\nplugins: [./p.mjs]\nserver:\n  env:\n    - A: "1"\n    - B: two\n',
  )
  assert.deepEqual(Object(values.get('server')).env, { A: '1', B: 'two' })
  assert.equal(loaded.plugins[0]?.specifier, './p.mjs')
})

test('whatever the file holds, loading and checking end with problems and never with a crash', async (t) => {
  const words = fc.constantFrom(
    'version: "3"',
    'lambda:',
    'pool:',
    '  - ',
    '{',
    '}',
    '&a',
    '*a',
    'logs: ',
    '${',
    'x: y',
    '\t',
    '"',
    '\n',
    '  ',
  )
  await fc.assert(
    fc.asyncProperty(fc.array(fc.oneof(words, fc.string()), { maxLength: 12 }), async (parts) => {
      const { problems } = await read(t, parts.join('\n'))
      for (const problem of problems) assert.match(problem, /^[^\n]+:\d+:\d+: /)
    }),
    { numRuns: 150 },
  )
})

test('the JSON Schema takes what validation takes and refuses what it refuses', async (t) => {
  const { Ajv } = await import('ajv')
  const { parse } = await import('yaml')
  const accepts = new Ajv({ strict: false, allErrors: true }).compile(jsonSchema(builtInSections))
  const example = await readFile(join(projectFolder, 'rr.yaml.example'), 'utf8')
  for (const text of [
    example,
    'version: "3"\n',
    'version: "3"\nlambda:\nlogs: { line_max: 1MB }\nserver: { env: [{ A: b }] }\n',
  ]) {
    assert.deepEqual((await read(t, text)).problems, [], text)
    assert.ok(accepts(parse(text)), JSON.stringify(accepts.errors))
  }
  const schemaSees = [
    'lambda: { mod: raw }',
    'lamda: {}',
    'lambda: { pool: { num_workers: 0 } }',
    'lambda: { pool: { allocate_timeout: 60 } }',
    'logs: { level: loud }',
    'logs: [1]',
  ]
  for (const text of schemaSees) assert.ok(!accepts(parse(`version: "3"\n${text}\n`)), text)
})

test('the package ships the generated schema, and rr.yaml.example names it', async () => {
  const { files } = JSON.parse(await readFile(join(projectFolder, 'package.json'), 'utf8'))
  assert.ok(files.includes('dist/rr.schema.json'))
  const shipped = JSON.parse(await readFile(join(shippedFolder, 'rr.schema.json'), 'utf8'))
  assert.deepEqual(shipped, JSON.parse(JSON.stringify(jsonSchema(builtInSections, shippedSchemaId))))
  const example = await readFile(join(projectFolder, 'rr.yaml.example'), 'utf8')
  assert.equal(example.split('\n')[0], '# yaml-language-server: $schema=dist/rr.schema.json')
})

test('a command that expects a shell is taken as it stands, with a warning that says so', async (t) => {
  const of = (command: string) => read(t, `version: "3"\nserver: { command: ${JSON.stringify(command)} }\n`)
  const piped = await of('php a.php | tee log')
  assert.deepEqual(piped.problems.length, 1)
  assert.match(
    piped.problems[0] ?? '',
    /rr\.yaml:2:20: warning: "server\.command": no shell reads this command: "\|" is handed on as it stands, quote it/,
  )
  assert.match(
    (await of('A=1 php a.php')).problems[0] ?? '',
    /"A=1" is handed on as it stands, set variables in `env`/,
  )
  assert.deepEqual((await of('php a.php "|"')).problems, [])
  assert.deepEqual((await read(t, 'version: "3"\nserver: { command: ["php", "|"] }\n')).problems, [])
})

const processKeys: readonly [keys: string, problem: RegExp | undefined][] = [
  ['umask: "0027"', undefined],
  ['umask: 022', undefined],
  ['umask: "0888"', /"server\.umask": "0888", expected octal digits such as "0027"/],
  ['umask: u=rwx', /expected octal digits/],
  ['user: 33, group: www-data', undefined],
  ['oom_score_adj: -1000', undefined],
  ['oom_score_adj: 1001', /expected a whole number from -1000 to 1000/],
  ['env_allow: [APP_*, "*", ONE]', undefined],
  ['env_allow: ["A*B"]', /expected a name, or the beginning of names with a \* behind it/],
  ['env_allow: APP_*', /"server\.env_allow"/],
  ['env: { "A B": x }', /A B/],
]
test('the keys of a worker’s process are checked', async (t) => {
  for (const [keys, problem] of processKeys) {
    const { problems } = await read(t, `version: "3"\nserver: { ${keys} }\n`)
    if (problem === undefined) assert.deepEqual(problems, [], keys)
    else assert.match(problems.join('\n'), problem, keys)
  }
})
