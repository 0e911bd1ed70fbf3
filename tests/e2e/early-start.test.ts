import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { rootFolderPath } from '../../src/supervisor/folder/private-folder.js'
import { startBootstrap } from '../helpers/bootstrap.js'
import { isAlive } from '../helpers/pool.js'
import { projectFolder, rrCommand } from '../helpers/project.js'
import { invokeAt, type RunningRr, testFolder, workerText } from '../helpers/rr.js'
import { type TestApi, testApi } from '../helpers/runtime-api.js'
import { watchdogsOf } from '../helpers/storm.js'
import { eventually } from '../helpers/wait.js'

interface Deployment {
  readonly folder: string
  /** Pids of all workers that were ever started, in their order. */
  readonly started: () => readonly number[]
}

/** A folder with a compiled configuration of two workers, each of which writes down its pid first. */
async function deploy(t: TestContext, { worker = 'echo', more = '', first = ':' } = {}): Promise<Deployment> {
  const folder = await testFolder(t)
  const [pids, before] = [join(folder, 'pids'), join(folder, 'before.sh')]
  writeFileSync(before, first)
  const command = ['sh', '-c', `echo $$ >>${pids}; . ${before}; exec ${workerText(worker)}`]
  const pool = `lambda: { pool: { num_workers: 2 } }\nlogs: { level: debug }\n${more}`
  writeFileSync(
    join(folder, 'rr.yaml'),
    `version: "3"\nserver: { command: ${JSON.stringify(command)} }\n${pool}`,
  )
  const compiled = spawnSync(process.execPath, [rrCommand, 'compile', '--out', 'compiled'], {
    cwd: folder,
    encoding: 'utf8',
  })
  assert.equal(compiled.status, 0, compiled.stderr)
  const started = () => (existsSync(pids) ? readFileSync(pids, 'utf8').trim().split('\n').map(Number) : [])
  return { folder, started }
}

function start(t: TestContext, api: TestApi, { folder }: Deployment): Promise<RunningRr> {
  return startBootstrap(t, api, { folder, env: { RELAYRUNNER_COMPILED: join(folder, 'compiled') } })
}

test('the worker that is started first is taken over: none is started twice, and the others follow', async (t) => {
  const [api, deployment] = [await testApi(t), await deploy(t)]
  const rr = await start(t, api, deployment)
  assert.equal((await invokeAt(api.invokeUrl, '{"a":1}')).body, '{"a":1}')
  await rr.line(({ message }) => message === 'server started')
  assert.ok(rr.lines().some(({ message }) => message === 'workers started early: 1'))
  assert.equal(deployment.started().length, 2)
  const shown = spawnSync(process.execPath, [rrCommand, 'workers', '--json'], {
    cwd: deployment.folder,
    encoding: 'utf8',
  })
  const workers: readonly { pid: number }[] = JSON.parse(shown.stdout)
  assert.deepEqual(workers.map(({ pid }) => pid).sort(), [...deployment.started()].sort())
  rr.child.kill('SIGTERM')
  assert.equal(await rr.ended, 0)
  assert.ok(!deployment.started().some(isAlive))
})

test('the watchdog of an early start has a FIFO made with those of the workers; no name is left', async (t) => {
  const [api, deployment] = [await testApi(t), await deploy(t)]
  const calls = join(deployment.folder, 'mkfifo-calls')
  const bin = join(deployment.folder, 'bin')
  mkdirSync(bin)
  writeFileSync(join(bin, 'mkfifo'), `#!/bin/sh\necho "$@" >>${calls}\nPATH=$REAL_PATH exec mkfifo "$@"\n`, {
    mode: 0o755,
  })
  const rr = await startBootstrap(t, api, {
    folder: deployment.folder,
    env: {
      RELAYRUNNER_COMPILED: join(deployment.folder, 'compiled'),
      PATH: `${bin}:${process.env.PATH}`,
      REAL_PATH: process.env.PATH ?? '',
    },
  })
  assert.equal((await invokeAt(api.invokeUrl, '{"a":1}')).body, '{"a":1}')
  await eventually(() => watchdogsOf(rr.child.pid ?? 0).length === 1)
  await rr.line(({ message }) => message === 'server started')
  const names = readFileSync(calls, 'utf8')
    .split(/\s+/)
    .filter((word) => word.includes('watchdog'))
  assert.deepEqual(names, [])
  const left = readdirSync(rootFolderPath(process.getuid?.() ?? 0)).filter((name) =>
    name.startsWith(`fifo-${rr.child.pid}-early`),
  )
  assert.deepEqual(left, [])
})

for (const given of [undefined, '3'])
  test(`a worker has ${given === undefined ? 'no setting of malloc' : 'the setting of malloc'} that was given to the bootstrap script`, async (t) => {
    const [api, deployment] = [await testApi(t), await deploy(t, { first: 'env >env.$$' })]
    const script = join(projectFolder, 'bootstrap')
    const env = {
      RELAYRUNNER_COMPILED: join(deployment.folder, 'compiled'),
      ...(given !== undefined && { MALLOC_ARENA_MAX: given }),
    }
    const rr = await startBootstrap(t, api, { folder: deployment.folder, command: ['sh', script], env })
    assert.equal((await invokeAt(api.invokeUrl, '{"a":1}')).body, '{"a":1}')
    const server = readFileSync(`/proc/${rr.child.pid}/environ`, 'utf8').split('\0')
    assert.ok(server.includes(`MALLOC_ARENA_MAX=${given ?? '1'}`))
    await eventually(() => deployment.started().length === 2)
    for (const pid of deployment.started()) {
      const file = join(deployment.folder, `env.${pid}`)
      await eventually(() => existsSync(file) && readFileSync(file, 'utf8') !== '')
      const found = readFileSync(file, 'utf8')
        .split('\n')
        .filter((line) => /MALLOC|_ARENAS/.test(line))
      assert.deepEqual(found, given === undefined ? [] : [`MALLOC_ARENA_MAX=${given}`])
    }
  })

test('a server that is killed before its first event leaves no worker: the end of its input ends it', async (t) => {
  const [api, deployment] = [await testApi(t), await deploy(t)]
  const rr = await start(t, api, deployment)
  await eventually(() => deployment.started().length > 0)
  rr.child.kill('SIGKILL')
  await rr.ended
  await eventually(() => !deployment.started().some(isAlive))
})

test('a server that is killed later leaves no worker either, not even one that is busy and deaf', async (t) => {
  const [api, deployment] = [await testApi(t), await deploy(t, { worker: 'cpu-loop' })]
  const rr = await start(t, api, deployment)
  void invokeAt(api.invokeUrl, '{"a":1}').catch(() => undefined)
  await rr.line(({ message }) => message.includes('looping'))
  rr.child.kill('SIGKILL')
  await rr.ended
  await eventually(() => !deployment.started().some(isAlive))
})

test('a file that was changed since starts no worker early', async (t) => {
  const [api, deployment] = [await testApi(t), await deploy(t)]
  const file = join(deployment.folder, 'rr.yaml')
  const text = readFileSync(file, 'utf8')
  writeFileSync(file, text.replace('lambda:', 'lambda: { mod: raw }\nother:'))
  const faulty = await start(t, api, deployment)
  assert.equal(await faulty.ended, 78)
  assert.deepEqual(deployment.started(), [])
})

for (const signal of ['TERM', 'INT', 'HUP'] as const)
  test(`SIG${signal} while the server is loaded stops it in order, and its early worker`, async (t) => {
    const [api, deployment] = [await testApi(t), await deploy(t, { first: `kill -${signal} $PPID` })]
    const rr = await start(t, api, deployment)
    assert.equal(await rr.ended, 0)
    await eventually(() => !deployment.started().some(isAlive))
  })
