import assert from 'node:assert/strict'
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, realpathSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { ErrorCode, hasCode, RelayError } from '../../../../src/core/errors.js'
import { lambdaPlatform } from '../../../../src/platform/lambda.js'
import { processSettings } from '../../../../src/supervisor/pool/boot/process-settings.js'
import type { PoolConfig } from '../../../../src/supervisor/pool/keys.js'
import { makeFifos } from '../../../../src/supervisor/worker/os/fifo.js'
import { resolveIdentity } from '../../../../src/supervisor/worker/os/identity.js'
import { spawnProcess } from '../../../../src/supervisor/worker/os/process.js'
import { fifosOf, openStandardFifos } from '../../../../src/supervisor/worker/os/standard-fifos.js'
import {
  fixtureCommand,
  job,
  poolDefaults,
  startPool,
  type TestPoolOptions,
  textOf,
} from '../../../helpers/pool.js'
import { testFolder } from '../../../helpers/rr.js'
import { notRoot, openFixture, plainUser, userWithGroups } from '../../../helpers/users.js'

interface Told {
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
  readonly uid: number
  readonly gid: number
  readonly groups: readonly number[]
  readonly oomScoreAdj: number
  readonly mode: string
}

async function told(t: TestContext, config: Partial<PoolConfig>, more: TestPoolOptions = {}): Promise<Told> {
  const command = await openFixture(t, 'tells-process')
  const { pool } = await startPool(t, command, { ...more, config })
  return JSON.parse(textOf(await pool.run(job('?'))))
}

function codeOf(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    assert.ok(error instanceof RelayError && hasCode(error, ErrorCode.WorkerSettings), String(error))
    return `${error.message} (${error.hint})`
  }
  throw new Error('nothing was thrown')
}

for (const [umask, mode] of [
  ['0027', '640'],
  ['77', '600'],
  ['0', '666'],
] as const) {
  test(`a file of a worker with umask ${umask} has mode ${mode}`, async (t) => {
    assert.equal((await told(t, { umask })).mode, mode)
  })
}

test('oom_score_adj is set before the worker runs', async (t) => {
  assert.equal((await told(t, { oom_score_adj: 731 })).oomScoreAdj, 731)
})

test('an oom_score_adj that the system refuses fails the boot with the reason', async (t) => {
  const { uid, gid } = plainUser()
  // Whoever may lower it loses the privilege first: the launcher runs as `nobody` then.
  const identity = notRoot === false ? { uid, gid, account: undefined, prefix: [] } : undefined
  const spawned = spawnProcess({
    words: ['/bin/sh', '-c', ':'],
    cwd: '/',
    env: {},
    usesPipes: false,
    fifos: undefined,
    watchdog: undefined,
    settings: { oomScoreAdj: -1000, identity },
  })
  t.after(() => spawned.process.kill())
  const said = await text(spawned.stderr.stream)
  assert.match(said, /oom_score_adj -1000 was refused; here it is -?\d+; lowering it needs CAP_SYS_RESOURCE/)
  assert.equal((await spawned.process.exited).code, 126)
})

test('an oom_score_adj refused after an exact launch leaves the FIFOs to whoever opened them', async (t) => {
  const folder = await testFolder(t)
  const paths = ['one', 'two', 'three'].map((name) => join(folder, name))
  await makeFifos(paths)
  const fifos = openStandardFifos(paths, 'relay')
  const settings = { oomScoreAdj: 2000 }
  const about = { words: ['sleep', '60'], cwd: '/', usesPipes: true, fifos, watchdog: undefined, settings }
  const env = { PATH: '/usr/bin:/bin', 'x-y': '1' }
  assert.throws(() => spawnProcess({ ...about, env }), /oom_score_adj 2000 was refused/)
  for (const fifo of fifosOf(fifos)) fifo.close()
  // Has the number of a descriptor that was closed, which nothing may close again.
  const next = openSync(join(folder, 'next'), 'w')
  for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setImmediate(resolve))
  assert.equal(writeSync(next, 'x'), 1)
  closeSync(next)
})

test('cwd counts from the working directory, and one that is not there is a fault', async (t) => {
  const folder = await testFolder(t)
  mkdirSync(join(folder, 'app'))
  const from = (cwd: string) =>
    processSettings('p', { pool: { ...poolDefaults, cwd }, server: bare, folder, env: process.env }).cwd
  assert.equal(from('app'), join(folder, 'app'))
  assert.match(
    codeOf(() => from('nowhere')),
    /pool "p" \(cwd: nowhere\): there is no folder .*nowhere/,
  )
  assert.equal((await told(t, { cwd: folder })).cwd, realpathSync(folder))
})

const bare = { command: undefined, relay: 'pipes', env: {} }

test('a pool takes from server what it does not say itself, and the group of another user never', () => {
  const server = { ...bare, umask: '22', oom_score_adj: 5, cwd: tmpdir(), env_allow: ['A'] }
  const of = (pool: Partial<PoolConfig>) =>
    processSettings('p', { pool: { ...poolDefaults, ...pool }, server, folder: '/', env: process.env })
  const inherited = of({})
  assert.deepEqual(inherited.launch, { umask: '22', oomScoreAdj: 5, identity: undefined })
  assert.deepEqual([inherited.cwd, inherited.envAllow], [tmpdir(), ['A']])
  assert.deepEqual(of({ umask: '77', oom_score_adj: 9 }).launch, {
    umask: '77',
    oomScoreAdj: 9,
    identity: undefined,
  })
  assert.deepEqual(of({ env_allow: [] }).envAllow, [])
})

test('with env_allow a worker has exactly the variables of the list, the few that all need, and ours', async (t) => {
  const env = { SECRET: 's', APP_A: '1', APP_B: '2', ONE: '3', ONE_MORE: '4', AWS_REGION: 'x' }
  const { env: has } = await told(t, { env_allow: ['APP_*', 'ONE'], env: { OWN: '5' } }, { env })
  const basics = ['PATH', 'HOME', 'LANG', 'TZ', 'TMPDIR'].filter((name) => process.env[name] !== undefined)
  const ours = ['RR_RELAY', 'RR_RPC', 'RR_MODE', 'RR_VERSION', 'RELAYRUNNER_VERSION']
  // PWD is the shell's own doing.
  const names = Object.keys(has).filter((name) => name !== 'PWD')
  assert.deepEqual(names.sort(), ['APP_A', 'APP_B', 'ONE', 'OWN', ...basics, ...ours].sort())
})

test('inside Lambda the credentials and the handler pass an empty env_allow', async (t) => {
  const env = { SECRET: 's', AWS_SECRET_ACCESS_KEY: 'k', _HANDLER: 'a.b', _LAMBDA_TELEMETRY_LOG_FD: '9' }
  const { env: has } = await told(t, { env_allow: [] }, { env, platform: lambdaPlatform(env) })
  assert.deepEqual([has.SECRET, has.AWS_SECRET_ACCESS_KEY, has._HANDLER], [undefined, 'k', 'a.b'])
  const { env: all } = await told(t, {}, { env, platform: lambdaPlatform(env) })
  assert.deepEqual([all.SECRET, all._LAMBDA_TELEMETRY_LOG_FD], ['s', undefined])
})

test('env of the pool goes over the server’s own', async (t) => {
  assert.equal((await told(t, { env: { APP: 'pool' } }, { env: { APP: 'server' } })).env.APP, 'pool')
})

test('a worker runs as the user with its supplementary groups and its home', { skip: notRoot }, async (t) => {
  const user = userWithGroups(t)
  const { uid, gid, groups, env } = await told(t, { user: user.name, umask: '0027' })
  assert.ok(user.groups.length > 1)
  assert.deepEqual({ uid, gid, groups }, { uid: user.uid, gid: user.gid, groups: user.groups })
  assert.deepEqual([env.HOME, env.USER, env.LOGNAME], [user.home, user.name, user.name])
})

test('user and group may be numbers, also of nobody that this system knows', { skip: notRoot }, async (t) => {
  const { uid, gid, groups } = await told(t, { user: '54321', group: '54322' })
  assert.deepEqual({ uid, gid, groups }, { uid: 54321, gid: 54322, groups: [54322] })
})

test('a group alone changes the group and keeps the user', { skip: notRoot }, async (t) => {
  const { gid } = plainUser()
  const is = await told(t, { group: String(gid) })
  assert.deepEqual([is.uid, is.gid], [0, gid])
})

test('a worker of another user can open /dev/stderr by its path', { skip: notRoot }, async (t) => {
  const command = await openFixture(t, 'stderr-by-path')
  const { pool, line } = await startPool(t, command, { config: { user: plainUser().name } })
  assert.equal(textOf(await pool.run(job('x'))), 'x')
  assert.equal((await line(/by path/)).stream, 'stderr')
})

test('a Unix relay is open to the one user of the pool', { skip: notRoot }, async (t) => {
  const command = await openFixture(t, 'relay-echo')
  const user = plainUser()
  const { pool, host } = await startPool(t, command, {
    relay: 'unix://FOLDER/relay.sock',
    config: { user: user.name },
  })
  assert.equal(textOf(await pool.run(job('over the socket'))), 'over the socket')
  const [worker] = await pool.workers()
  const relay = readFileSync(`/proc/${worker?.pid}/environ`, 'utf8')
    .split('\0')
    .find((one) => one.startsWith('RR_RELAY='))
  assert.match(relay ?? '', new RegExp(`^RR_RELAY=unix:///tmp/rr-0-relay/[^/]+/${user.uid}\\.sock$`))
  await host.stop(0)
  assert.ok(!existsSync(dirname(String(relay).replace('RR_RELAY=unix://', ''))))
})

test('RR_RPC out of reach of another user is told once', { skip: notRoot }, async (t) => {
  const command = await openFixture(t, 'echo')
  const { pool, log } = await startPool(t, command, { config: { user: plainUser().name, num_workers: 2 } })
  await pool.booted
  assert.equal(log.lines.filter((one) => /cannot reach RR_RPC/.test(one.message)).length, 1)
})

const root = { pool: 'p', path: process.env.PATH ?? '', own: { uid: 0, gid: 0 } }

test('a user or a group that does not exist is a fault with the value', () => {
  assert.match(
    codeOf(() => resolveIdentity({ ...root, user: 'no-such', group: undefined })),
    /pool "p" \(user: no-such\): there is no user "no-such"/,
  )
  assert.match(
    codeOf(() => resolveIdentity({ ...root, user: undefined, group: 'no-such' })),
    /pool "p" \(group: no-such\): there is no group "no-such"/,
  )
  assert.match(
    codeOf(() => resolveIdentity({ ...root, user: '54321', group: undefined })),
    /user 54321 has no account here.*Set `group`/,
  )
})

test('another user without root is a fault, and one’s own is none', () => {
  const { name, uid, gid } = plainUser()
  const asked = { ...root, user: name, group: undefined }
  assert.equal(resolveIdentity({ ...asked, own: { uid, gid } }), undefined)
  assert.match(
    codeOf(() => resolveIdentity({ ...asked, own: { uid: 4242, gid: 4242 } })),
    new RegExp(`only root may start workers as ${uid}:${gid}; this server runs as 4242:4242`),
  )
})

test('without setpriv a user may have no group beside its own', { skip: notRoot }, async (t) => {
  const without = { ...root, path: '/nowhere', group: undefined }
  assert.deepEqual(resolveIdentity({ ...without, user: plainUser().name })?.prefix, [])
  assert.match(
    codeOf(() => resolveIdentity({ ...without, user: userWithGroups(t).name })),
    /has the groups \d+.* there is no setpriv on PATH \(\/nowhere\).*util-linux/,
  )
})

test('without setpriv a worker runs as the user with the group alone', { skip: notRoot }, async (t) => {
  const { name, uid, gid } = plainUser()
  const [node = '', script = ''] = await openFixture(t, 'tells-process')
  const folder = await testFolder(t)
  // `id` is all that the fixture needs of PATH.
  const command = ['/bin/sh', '-c', `PATH=${process.env.PATH}; export PATH; exec ${node} ${script}`]
  const { pool } = await startPool(t, command, { env: { PATH: folder }, config: { user: name } })
  const is: Told = JSON.parse(textOf(await pool.run(job('?'))))
  assert.deepEqual([is.uid, is.gid, is.groups], [uid, gid, [gid]])
})

test('a key of processes in a pool of threads is refused', async (t) => {
  for (const config of [{ umask: '22' }, { user: 'nobody' }, { env: { A: '1' } }] as const) {
    const [key = ''] = Object.keys(config)
    await assert.rejects(
      startPool(t, fixtureCommand('echo'), { config: { ...config, runtime: 'thread' } }),
      (error) =>
        hasCode(error, ErrorCode.WorkerSettings) && String(error).includes(`"${key}" is for processes`),
    )
  }
})
