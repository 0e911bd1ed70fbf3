import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { systemClock } from '../../../src/core/clock.js'
import { parseAddress } from '../../../src/plugins/laravel-database/address.js'
import { attemptsMaxOf } from '../../../src/plugins/laravel-database/attempts-max.js'
import { laravelDatabaseDriver } from '../../../src/plugins/laravel-database/driver.js'
import { popLockOf } from '../../../src/plugins/laravel-database/pop-lock.js'
import type { Delivery, NewJob } from '../../../src/work/index.js'
import { LostMessage } from '../../../src/work/queues/lost-message.js'
import { laravelApp, noLaravel } from '../../helpers/laravel.js'
import { mysqlJobsTable, postgresJobsTable } from '../../helpers/laravel-jobs-table.js'
import { noMariaDb, startMariaDb } from '../../helpers/mariadb-server.js'
import { noPostgres, startPostgres } from '../../helpers/postgres-server.js'
import { rrCommand } from '../../helpers/project.js'
import { startRr, testFolder } from '../../helpers/rr.js'
import { eventually } from '../../helpers/wait.js'

const never = new AbortController().signal

const databases = [
  {
    name: 'MariaDB',
    skip: noMariaDb,
    begin: startMariaDb,
    table: mysqlJobsTable('jobs'),
    env: { JOBS_DRIVER: 'mysql', JOBS_NAME: 'app', JOBS_PASSWORD: 'p@ss/w#rd' },
  },
  {
    name: 'PostgreSQL',
    skip: noPostgres,
    begin: startPostgres,
    table: postgresJobsTable('jobs'),
    env: { JOBS_DRIVER: 'pgsql', JOBS_NAME: 'postgres' },
  },
] as const

type Kind = (typeof databases)[number]

async function open(t: TestContext, { begin, table }: Kind, keys: Readonly<Record<string, unknown>> = {}) {
  const server = await begin()
  t.after(() => server.end())
  await server.query(table)
  const openSource = async (more: Readonly<Record<string, unknown>> = {}) => {
    const config = {
      url: server.url,
      table: 'jobs',
      queue: 'default',
      retry_after: 90,
      poll_interval: 50,
      connections: 2,
      priority: 10,
      ...keys,
      ...more,
    }
    const source = await laravelDatabaseDriver(systemClock).open({ name: 'mail', config })
    t.after(() => source.close())
    return source
  }
  return { server, openSource, source: await openSource() }
}

function payload(uuid: string): string {
  return JSON.stringify({ uuid, displayName: 'App\\Jobs\\Send', job: 'Call@call', data: { text: 'ü € 😀' } })
}

function jobOf(body: string, more: Partial<NewJob> = {}): NewJob {
  return { id: 'x', name: 'x', body, headers: {}, priority: 10, delayMs: 0, ...more }
}

const done = (delivery: Delivery) =>
  ({ delivery, verdict: { kind: 'done', body: new Uint8Array() } }) as const
const retry = (delivery: Delivery, afterMs: number) =>
  ({ delivery, verdict: { kind: 'retry', afterMs, why: { kind: 'retry', message: 'again' } } }) as const

test('the lock of a version is the one that Laravel takes', () => {
  const skips = 'FOR UPDATE SKIP LOCKED'
  for (const [kind, version, lock] of [
    ['mysql', '5.7.44-log', 'FOR UPDATE'],
    ['mysql', '8.0.0', 'FOR UPDATE'],
    ['mysql', '8.0.1', skips],
    ['mysql', '9.2.0', skips],
    ['mysql', '10.5.29-MariaDB-0+deb11u1', 'FOR UPDATE'],
    ['mysql', '5.5.5-10.6.0-MariaDB', skips],
    ['mysql', '11.4.2-MariaDB', skips],
    ['mysql', '8.0.30-Vitess', 'FOR UPDATE'],
    ['mysql', '19.0.1-Vitess', skips],
    ['postgres', '9.4.26', 'FOR UPDATE'],
    ['postgres', '9.5', skips],
    ['postgres', '15.14 (Debian 15.14-0+deb12u1)', skips],
  ] as const)
    assert.equal(popLockOf(kind, version), lock, version)
})

test('addresses are read as applications write them', () => {
  const plain = parseAddress('mysql://app:p@ss/w#rd?@db.local:3307/shop')
  assert.deepEqual(
    [plain.kind, plain.host, plain.port, plain.user, plain.password, plain.database, plain.ssl],
    ['mysql', 'db.local', 3307, 'app', 'p@ss/w#rd?', 'shop', 'disabled'],
  )
  const encoded = parseAddress('pgsql://app:a%2Fb@[::1]/shop?sslmode=verify-full&ssl-ca=ca.pem&charset=utf8')
  assert.deepEqual(
    [encoded.kind, encoded.host, encoded.port, encoded.password, encoded.ssl, encoded.sslCa],
    ['postgres', '::1', 5432, 'a/b', 'verify_identity', 'ca.pem'],
  )
  assert.equal(parseAddress('mysql://app:100%@/shop').password, '100%')
  assert.throws(() => parseAddress('mysql://a@b/c?ssl-mode=maybe'), /has "ssl-mode=maybe"/)
  for (const [type, most] of [
    ['tinyint(3) unsigned', 255],
    ['tinyint unsigned', 255],
    ['smallint', 32_767],
    ['int(10) unsigned', 4_294_967_295],
    ['integer', 2_147_483_647],
  ] as const)
    assert.equal(attemptsMaxOf(type), most, type)
})

for (const kind of databases) {
  const { name, skip } = kind

  test(`${name}: a job is taken, ended and released in Laravel’s own columns`, { skip }, async (t) => {
    const { server, source, openSource } = await open(t, kind)
    const other = await openSource()
    const nowS = Math.floor(Date.now() / 1000)
    await source.push?.([jobOf(payload('a')), jobOf(payload('b')), jobOf('hello', { headers: { x: ['1'] } })])
    await source.push?.([jobOf(payload('later'), { delayMs: 60_000 })])
    const [a, b, hello] = await source.pull(10, never)
    assert.ok(a && b && hello)
    assert.deepEqual(
      [a, b, hello].map(({ id, attempt, body }) => [id.length > 9 ? 'uuid' : id, attempt, body]),
      [
        ['a', 1, payload('a')],
        ['b', 1, payload('b')],
        ['uuid', 1, 'hello'],
      ],
    )
    assert.deepEqual(await other.pull(10, never, 0), [])
    assert.deepEqual(await source.counts?.(), { active: 0, delayed: 1, reserved: 3 })
    assert.deepEqual(await source.settle([done(hello), retry(a, 30_000)]), [undefined, undefined])
    await source.release([b])
    const rows = await server.query(
      'SELECT payload, attempts, reserved_at, available_at FROM jobs ORDER BY id',
    )
    assert.deepEqual(
      rows.map((row) => [JSON.parse(String(row.payload)).uuid, Number(row.attempts), row.reserved_at]),
      [
        ['b', 0, null],
        ['later', 0, null],
        ['a', 1, null],
      ],
    )
    assert.ok(Number(rows[2]?.available_at) >= nowS + 30)
    assert.deepEqual(
      (await other.pull(10, never)).map(({ id, attempt }) => [id, attempt]),
      [['b', 1]],
    )
  })

  test(`${name}: a reservation that is over goes to another one, and a count that is full stops nobody`, {
    skip,
  }, async (t) => {
    const { server, source, openSource } = await open(t, kind, { retry_after: 1 })
    const other = await openSource()
    await source.push?.([jobOf(payload('a')), jobOf(payload('b'))])
    const most = name === 'MariaDB' ? 255 : 32_767
    await server.query(`UPDATE jobs SET attempts = ${most} WHERE payload LIKE '%"b"%'`)
    const [a, b] = await source.pull(2, never)
    assert.ok(a && b)
    assert.deepEqual([a.attempt, b.attempt], [1, most])
    assert.deepEqual(await source.extend?.([b], 60_000), [undefined])
    const [again] = await other.pull(2, never)
    assert.deepEqual([again?.id, again?.attempt], ['a', 2])
    const [late, fine] = await source.settle([done(a), done(b)])
    assert.ok(late instanceof LostMessage)
    assert.equal(fine, undefined)
    assert.ok((await source.extend?.([a], 1000))?.[0] instanceof LostMessage)
  })

  test(`${name}: failed jobs are kept under a queue of their own and go back with all tries ahead`, {
    skip,
  }, async (t) => {
    const { source, openSource } = await open(t, kind)
    await source.push?.([jobOf(payload('a')), jobOf(payload('b'))])
    for (const delivery of await source.pull(2, never))
      await source.failed?.keep({ delivery, why: 'it broke', attempt: 5 })
    const other = await openSource()
    const kept = (await other.failed?.list(10)) ?? []
    assert.deepEqual(
      kept.map((one) => [one.id, one.name, one.attempt, one.why]),
      ['a', 'b'].map((id) => [id, 'App\\Jobs\\Send', 5, 'it broke']),
    )
    assert.deepEqual(await source.pull(1, never, 0), [])
    assert.equal(await other.failed?.redrive(['b']), 1)
    assert.equal(await other.failed?.count(), 1)
    const [back] = await source.pull(1, never)
    assert.deepEqual([back?.id, back?.attempt, back?.body], ['b', 1, payload('b')])
  })

  test(`${name}: a table, a user or a server that is not there is a fault that names what to do`, {
    skip,
  }, async (t) => {
    const { server, openSource } = await open(t, kind)
    await assert.rejects(openSource({ table: 'nothing' }), /has no table nothing of Laravel’s jobs/)
    const denied = server.url.replace(/\/\/app(:[^@]*@[^@]*)?@/, '//locked:wrong@')
    if (name === 'PostgreSQL') await server.query("CREATE USER locked PASSWORD 'secret'")
    await assert.rejects(openSource({ url: denied }), (error: Error) => {
      assert.match(
        error.message,
        /^the database at \w+:\/\/locked:\*\*\*@127\.0\.0\.1:\d+\/\w+ refused the credentials/,
      )
      return true
    })
    await server.kill()
    await assert.rejects(openSource(), /cannot be reached: .*ECONNREFUSED/)
  })

  test(`${name}: jobs run once each in rr and in two processes of queue:work on the same table`, {
    skip: noLaravel ?? skip,
  }, async (t) => {
    const { begin, table, env } = kind
    const server = await begin()
    t.after(() => server.end())
    await server.query(table)
    const folder = await testFolder(t)
    const app = laravelApp(folder, {
      env: { ...env, QUEUE_CONNECTION: 'database', JOBS_PORT: String(server.port) },
    })
    const config = `version: "3"
server: { command: "${app.command}" }
jobs:
  mode: raw
  consume: [mail]
  pool: { num_workers: 2 }
  pipelines: { mail: { driver: laravel-database, config: { url: "${server.url}", poll_interval: 100ms } } }
`
    const rr = await startRr(t, ['serve'], { folder, config, env: app.env })
    await rr.line((line) => line.message === 'server started')
    const own = [1, 2].map(() => app.start(t, 'queue:work', 'database', '--sleep=0.1').pid ?? 0)
    const pids = () =>
      app.php("echo DB::table('marks')->distinct()->pluck('pid')->implode(',');").split(',').map(Number)
    const dispatch = (name: string, count: number) =>
      app.php(`foreach (range(1, ${count}) as $n) { Jobs\\Naps::dispatch("${name}$n"); }`)
    // Until all have begun: a process of PHP takes its time.
    let rounds = 0
    await eventually(() => {
      rounds += 1
      dispatch(`warm${rounds}-`, 12)
      const seen = pids()
      return own.every((pid) => seen.includes(pid)) && seen.some((pid) => pid !== 0 && !own.includes(pid))
    })
    app.php(`
      foreach (range(1, 80) as $n) { Jobs\\Naps::dispatch("n$n"); }
      foreach (range(1, 4) as $n) { Jobs\\Throws::dispatch("t$n"); }
      Jobs\\Plain::dispatch('later')->delay(2);
      Jobs\\Plain::withChain([new Jobs\\Plain('second')])->dispatch('first');
    `)
    // Three tries with waits of one and five seconds.
    await eventually(() => app.failed().length === 4 && app.php("echo app('queue')->size();") === '0')
    const ran = app.marks().filter((mark) => mark.includes(':ran:'))
    const named = (name: string, count: number) =>
      Array.from({ length: count }, (_, at) => `Naps:${name}${at + 1}:ran:1`)
    const warm = Array.from({ length: rounds }, (_, at) => named(`warm${at + 1}-`, 12)).flat()
    const tries = [1, 2, 3, 4].flatMap((n) => [1, 2, 3].map((attempt) => `Throws:t${n}:ran:${attempt}`))
    const plain = ['later', 'first', 'second'].map((one) => `Plain:${one}:ran:1`)
    assert.deepEqual([...ran].sort(), [...warm, ...named('n', 80), ...tries, ...plain].sort())
    assert.deepEqual([...new Set(app.failed().map(({ connection }) => connection))], ['database'])
  })
}

test('rr validate refuses SQLite with the reason, and names the place of a fault', async (t) => {
  const config = `version: "3"
server: { command: "true" }
jobs:
  consume: [mail]
  pipelines:
    mail:
      driver: laravel-database
      config:
        url: "sqlite:///srv/app/database.sqlite"
        tabel: jobs
`
  const folder = await testFolder(t)
  writeFileSync(join(folder, 'rr.yaml'), config)
  const { status, stderr } = spawnSync(process.execPath, [rrCommand, 'validate'], {
    cwd: folder,
    encoding: 'utf8',
  })
  assert.equal(status, 78)
  assert.match(stderr, /rr\.yaml:9:\d+: .*not SQLite: it has no row locks/)
  assert.match(stderr, /rr\.yaml:10:\d+: .*tabel.*table/s)
})
