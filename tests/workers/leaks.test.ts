import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { laravelApp, noLaravel } from '../helpers/laravel.js'
import { fixture, missing } from '../helpers/project.js'
import { invoke, type RunningRr, sqsEvent, startRr, testFolder } from '../helpers/rr.js'

const noPhp = missing('php')
const noPython = missing('python3')
const workers = {
  node: `${process.execPath} ${fixture('leaks', 'worker.mjs')}`,
  php: `php ${fixture('leaks', 'worker.php')}`,
  python: `python3 ${fixture('leaks', 'worker.py')}`,
}

interface Setup {
  readonly server: string
  readonly pool?: string
  readonly env?: Readonly<Record<string, string>>
  readonly folder?: string
  readonly words?: readonly string[]
}

function start(t: TestContext, { server, pool = '', env = {}, folder, words = ['--leaks'] }: Setup) {
  const config = `version: "3"
server: ${server}
lambda: { pool: { num_workers: 1, ${pool} } }
emulator: { address: "127.0.0.1:0" }
`
  return startRr(t, ['dev', ...words, '-o', 'logs.encoding=json'], {
    ...(folder === undefined ? {} : { folder }),
    config,
    env: { ...env, LC_ALL: 'C', TZ: 'UTC' },
  })
}

/** Sends one record a body, in turn, then stops the server; returns what was told about leaks. */
async function told(rr: RunningRr, bodies: readonly string[]) {
  for (const [at, body] of bodies.entries()) {
    const messageId = body.length > 20 ? String(at) : `${body}-${at}`
    const attributes = { ApproximateReceiveCount: '1' }
    await invoke(rr, {
      Records: sqsEvent([body]).Records.map((record) => ({ ...record, messageId, attributes })),
    })
  }
  rr.child.kill('SIGTERM')
  assert.equal(await rr.ended, 0)
  assert.ok(!rr.text().includes('a secret value'))
  const lines = rr.lines().filter(({ message }) => message.startsWith('leaks: '))
  return lines.map(({ message, level, job = '' }) => ({ message, level, job: String(job) }))
}

function times(count: number, body: string): readonly string[] {
  return Array.from({ length: count }, () => body)
}

const common: Readonly<Record<string, RegExp>> = {
  directory: /changed working directory: .+ → \/$/,
  environment: /changed environment: \+LEAKED_NAME$/,
  zone: /changed time zone: UTC\S* → (Asia\/Tokyo|JST\/JST)/,
  throw: /changed working directory: \/ → \/tmp$/,
}
const own: readonly [keyof typeof workers, string | false, Readonly<Record<string, RegExp>>][] = [
  [
    'node',
    false,
    {
      handler: /changed handlers of uncaughtException: none → 1/,
      setting: /changed Object.prototype: \+leaked/,
    },
  ],
  [
    'php',
    noPhp,
    {
      locale: /changed locale: \S+ → C.UTF-8$/,
      handler: /changed error handler: none → a closure in .+worker.php:\d+$/,
      setting: /changed setting memory_limit: \S+ → 1G$/,
      include: /changed include path: .+ → \/usr\/share$/,
      buffer: /changed output buffers: 0 → 1$/,
      transaction: /changed open transactions: none → static Kept::\$database$/,
    },
  ],
  [
    'python',
    noPython,
    {
      locale: /changed locale: C → LC_CTYPE=C.UTF-8 /,
      handler: /changed sys.excepthook: sys.excepthook → __main__.leak$/,
      setting: /changed root log handlers: 0 → 1$/,
    },
  ],
]

for (const [language, skip, more] of own) {
  const server = `{ command: "${workers[language]}" }`

  test(`rr dev --leaks names the ${language} job that changed something, and what, once`, {
    skip,
  }, async (t) => {
    const cases = { ...common, ...more }
    const rr = await start(t, { server })
    const lines = await told(
      rr,
      Object.keys(cases).flatMap((body) => ['clean', body]),
    )
    const summary = lines.pop()
    for (const [body, pattern] of Object.entries(cases)) {
      const about = lines.filter(({ message }) => message.includes(`(${body}-`))
      assert.equal(about.length, 1, `${body}: ${JSON.stringify(lines, undefined, 1)}`)
      assert.match(about[0]?.message ?? '', pattern)
      assert.match(about[0]?.job ?? '', new RegExp(`/${body}-`))
    }
    assert.equal(lines.length, Object.keys(cases).length, JSON.stringify(lines, undefined, 1))
    assert.match(summary?.message ?? '', /of \d+ jobs, those named queue left behind: .*\(2 jobs\)/)
  })

  test(`rr dev --leaks tells growth by ${language} jobs when it repeats`, { skip }, async (t) => {
    const rr = await start(t, { server, env: { CONCURRENCY: '4' } })
    const lines = await told(rr, [...times(4, 'clean'), ...times(6, 'memory'), ...times(7, 'descriptor')])
    const grown = lines.map(({ message }) => message).filter((message) => message.includes(' grew: '))
    assert.match(grown.find((one) => one.includes('(memory-')) ?? '', /memory by \d+ KB over 5 jobs in a row/)
    if (language !== 'node') assert.match(grown.join('\n'), /(\$open|__main__\.opened)\b.* by 5 over 5 jobs/)
    assert.ok(
      grown.some((one) => one.includes('descriptors by 5 over 5 jobs in a row')),
      grown.join('\n'),
    )
    assert.match(
      lines.at(-1)?.message ?? '',
      /memory by \d+ KB over \d+ jobs.*descriptors by \d over \d jobs/,
    )
  })

  test(`rr dev --leaks finds nothing in ${language} jobs that leave nothing behind`, { skip }, async (t) => {
    const rr = await start(t, { server })
    assert.deepEqual(await told(rr, times(40, 'clean')), [
      { message: 'leaks: 40 jobs left nothing behind', level: 'info', job: '' },
    ])
  })

  test(`without --leaks ${language} workers tell nothing`, { skip }, async (t) => {
    const rr = await start(t, { server, words: [] })
    assert.deepEqual(await told(rr, ['directory', 'clean']), [])
  })
}

test('what a job changes after its answer is told of it, too', async (t) => {
  const rr = await start(t, { server: `{ command: "${workers.node}" }` })
  const [line] = await told(rr, ['late', 'clean', 'clean'])
  assert.match(
    line?.message ?? '',
    /after the answer of queue \(late-0\) .* global variables: \+leakedGlobal/,
  )
})

for (const [name, handler, skip] of [
  ['Node', 'index.handler', false],
  ['Python', 'main.handler', noPython],
] as const)
  test(`ordinary handlers in ${name} are watched, too`, { skip }, async (t) => {
    const rr = await start(t, {
      server: `{ handler: ${handler} }`,
      words: ['--leaks', '-w', fixture('leaks', 'plain')],
    })
    const lines = await told(rr, ['clean', 'directory', ...times(3, 'clean'), ...times(7, 'memory')])
    assert.match(lines[0]?.message ?? '', /: aws:sqs \(\S+\) changed working directory: /)
    assert.match(lines[1]?.message ?? '', /: aws:sqs \(\S+\) grew: .*memory by \d+ KB over 5 jobs/)
    assert.match(lines[2]?.message ?? '', /those named aws:sqs left behind: working directory \(1 job\); /)
    assert.equal(lines.length, 3)
  })

test('threads are watched as processes are', async (t) => {
  const rr = await start(t, { server: `{ command: "${workers.node}" }`, pool: 'runtime: thread' })
  const lines = await told(rr, ['clean', 'environment', ...times(3, 'clean'), ...times(7, 'memory')])
  assert.match(lines[0]?.message ?? '', /\(environment-1\) changed environment: \+LEAKED_NAME$/)
  assert.match(lines[1]?.message ?? '', /\(memory-\d+\) grew: memory by \d+ KB over 5 jobs/)
  assert.equal(lines.length, 3)
})

test('jobs of Laravel have the names of their classes', { skip: noLaravel }, async (t) => {
  const folder = await testFolder(t)
  const app = laravelApp(folder, { env: { APP_BASE: join(folder, 'var', 'cache') } })
  const rr = await start(t, { server: `{ command: "${app.command}" }`, env: app.env, folder })
  const jobs = ['Plain:a', 'LeavesTransaction:b', 'Plain:c', 'ChangesConfig:d', 'Plain:e', 'Keeps:f']
  const bodies = app.bodies(...jobs, ...Array.from({ length: 12 }, () => 'Keeps:g'), ...times(8, 'Plain:h'))
  const lines = await told(rr, bodies)
  const messages = lines.map(({ message }) => message)
  assert.match(messages[0] ?? '', /Jobs\\LeavesTransaction .*open transactions: rolled back on sqlite$/)
  assert.match(messages[1] ?? '', /Jobs\\ChangesConfig .*configuration: \+services.leaked$/)
  assert.match(messages[2] ?? '', /Jobs\\Keeps .*grew: static Jobs\\Keeps::\$items by 5 over 5 jobs in a row/)
  const summaries = messages.filter((message) => message.includes('left behind'))
  assert.equal(summaries.length, 3, messages.join('\n'))
  assert.ok(!messages.some((message) => message.includes('named Jobs\\Plain')), messages.join('\n'))
})
