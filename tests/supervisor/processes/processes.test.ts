import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { systemClock } from '../../../src/core/clock.js'
import { OutputPacer } from '../../../src/logging/output-pacer.js'
import type { WorkerLine } from '../../../src/logging/worker-lines.js'
import { serverPlatform } from '../../../src/platform/server.js'
import { ChildTools } from '../../../src/supervisor/child-tools.js'
import { ProcessesHost } from '../../../src/supervisor/processes/host.js'
import { recordingLogger } from '../../helpers/pool.js'
import { isRunning, withVariable } from '../../helpers/processes.js'
import { eventually } from '../../helpers/wait.js'

/** The service of one plugin with real processes, in a folder that goes with the test. */
async function plugin(t: TestContext, server: { readonly umask?: string } = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'rr-processes-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const log = recordingLogger()
  const lines: WorkerLine[] = []
  const children = new ChildTools({ folder, log, isSparing: false })
  const host = new ProcessesHost({
    server: { command: undefined, relay: 'auto', env: {}, ...server },
    children,
    cwd: folder,
    env: { PATH: process.env.PATH, INHERITED: 'yes' },
    platform: serverPlatform,
    clock: systemClock,
    log,
    writeLine: (line) => void lines.push(line),
    lineBytesMax: () => 1 << 20,
    pacer: new OutputPacer(systemClock),
    splitCommand: (text) => text.split(' '),
  })
  const undos: (() => unknown)[] = []
  t.after(async () => {
    host.kill()
    await children.close()
  })
  const stop = async () => {
    for (const undo of undos.splice(0)) await undo()
  }
  return { service: host.forPlugin((undo) => void undos.push(undo)), host, folder, log, lines, stop }
}

const shell = (script: string) => ['sh', '-c', script]

test('a process runs with its variables, and its lines are logged with its name and pid', async (t) => {
  const { service, lines, folder } = await plugin(t)
  const command = shell('echo "$INHERITED $OWN"; pwd; echo wrong >&2; exec sleep 60')
  const one = await service.start({ name: 'cron', command, env: { OWN: 'mine' } })
  await eventually(() => lines.length === 3)
  assert.deepEqual(
    lines.map(({ process, pool, pid, stream, text }) => ({ process, pool, pid, stream, text })).sort(byText),
    [
      { stream: 'stdout', text: folder },
      { stream: 'stderr', text: 'wrong' },
      { stream: 'stdout', text: 'yes mine' },
    ].map((line) => ({ process: 'cron', pool: undefined, pid: one.pid, ...line })),
  )
  assert.deepEqual([one.state, one.restarts], ['running', 0])
  assert.ok((await one.memoryBytes()) > 0)
  const { pid = 0 } = one
  assert.deepEqual(await one.stop(), {
    code: null,
    signal: 'SIGTERM',
    lastLines: lines.map(({ text }) => text),
  })
  assert.deepEqual([one.state, one.pid, isRunning(pid)], ['ended', undefined, false])
})

const byText = (a: { readonly text: string }, b: { readonly text: string }) => (a.text < b.text ? -1 : 1)

test('what a process leaves behind in its group ends with it', async (t) => {
  const { service } = await plugin(t)
  const mark = `MARK=${process.pid}-group`
  const script = 'sleep 300 & sleep 300 & exit 3'
  const one = await service.start({
    name: 'x',
    command: shell(script),
    env: { MARK: mark.slice(5) },
    restart: 'never',
  })
  assert.equal((await one.ended).code, 3)
  await eventually(() => withVariable(mark).length === 0)
})

test('a process that ended is started again as it asks for: always, after a failure, or never', async (t) => {
  const { service, log } = await plugin(t)
  const start = (restart: 'always' | 'failure' | 'never', script: string) =>
    service.start({ name: `${restart} ${script}`, command: shell(script), restart, restartMs: 1 })
  const always = await start('always', 'exit 0')
  await eventually(() => always.restarts >= 2)
  const failing = await start('failure', 'exit 7')
  await eventually(() => failing.restarts >= 2)
  await failing.stop()
  const done = await (await start('failure', 'exit 0')).ended
  const never = await (await start('never', 'kill -9 $$')).ended
  assert.deepEqual([done.code, never.signal], [0, 'SIGKILL'])
  const told = log.lines.filter(({ message }) => message === 'a process ended')
  assert.deepEqual(
    told.map(({ level, fields }) => [level, fields.process]),
    [
      ['info', 'failure exit 0'],
      ['warn', 'never kill -9 $$'],
    ],
  )
})

test('a process that ignores SIGTERM is killed after stopMsMax, and is not started again', async (t) => {
  const { service, lines } = await plugin(t)
  const script = "trap '' TERM; echo ready; while :; do sleep 0.05; done"
  const one = await service.start({ name: 'deaf', command: shell(script), stopMsMax: 50 })
  await eventually(() => lines.length === 1)
  const [first, second] = await Promise.all([one.stop(), one.stop()])
  assert.equal(first.signal, 'SIGKILL')
  assert.equal(first, second)
})

test('a process that runs longer than runMsMax is stopped, which counts as a failure', async (t) => {
  const { service, log } = await plugin(t)
  const options = {
    name: 'slow',
    command: 'sleep 60',
    runMsMax: 20,
    restartMs: 1,
    restart: 'failure',
  } as const
  const one = await service.start(options)
  await eventually(() => one.restarts >= 1)
  assert.ok(log.lines.some(({ message }) => message === 'a process ran too long and is stopped'))
})

test('a process waits before it is started again, and stop ends the wait', async (t) => {
  const { service } = await plugin(t)
  const one = await service.start({ name: 'x', command: shell('echo last; exit 1'), restartMs: 3_600_000 })
  await eventually(() => one.state === 'waiting')
  assert.deepEqual([one.pid, await one.memoryBytes()], [undefined, 0])
  assert.deepEqual(await one.stop(), { code: 1, signal: null, lastLines: ['last'] })
})

test('a program that cannot be started again is tried again, and said to be', async (t) => {
  const { service, folder, log } = await plugin(t)
  const script = `echo '#!/bin/sh\nrm "$0"' >${folder}/once && chmod +x ${folder}/once`
  await (await service.start({ name: 'make', command: shell(script), restart: 'never' })).ended
  const one = await service.start({ name: 'once', command: './once', restartMs: 1 })
  await eventually(
    () => log.lines.filter(({ fields }) => /once is not an executable/.test(String(fields.error))).length > 1,
  )
  assert.match(String((await one.stop()).fault?.message), /once is not an executable file/)
})

test('a plugin that stops ends its processes, and starts no others', async (t) => {
  const { service, stop } = await plugin(t)
  const one = await service.start({ name: 'one', command: 'sleep 60' })
  const { pid = 0 } = one
  const late = service.start({ name: 'late', command: 'sleep 60' })
  await stop()
  await assert.rejects(late, { code: 'RR_PLUGIN_API', message: /"late" was to start after its plugin had/ })
  assert.deepEqual([one.state, isRunning(pid)], ['ended', false])
  await assert.rejects(service.start({ name: 'x', command: 'sleep 1' }), { code: 'RR_PLUGIN_API' })
})

test('a process has the settings of `server:` unless it says otherwise', async (t) => {
  const { service, folder } = await plugin(t, { umask: '0027' })
  const touch = async (name: string, keys = {}) => {
    const command = shell(`umask >${name}`)
    await (await service.start({ name, command, keys, restart: 'never' })).ended
    return (await readFile(join(folder, name), 'utf8')).trim()
  }
  assert.deepEqual([await touch('a'), await touch('b', { umask: '0077' })], ['0027', '0077'])
})

const wrong: readonly [options: unknown, code: string, says: RegExp][] = [
  [undefined, 'RR_PLUGIN_API', /without a name/],
  [{ name: '', command: 'x' }, 'RR_PLUGIN_API', /without a name/],
  [{ name: 'x' }, 'RR_PLUGIN_API', /`command` is not a text/],
  [{ name: 'x', command: [] }, 'RR_PLUGIN_API', /`command` is not a text/],
  [{ name: 'x', command: ' ' }, 'RR_PLUGIN_API', /`command` is not a text/],
  [{ name: 'x', command: ['a', 1] }, 'RR_PLUGIN_API', /`command` is not a text/],
  [{ name: 'x', command: 'a', env: { A: 1 } }, 'RR_PLUGIN_API', /`env` is not/],
  [{ name: 'x', command: 'a', keys: 'www' }, 'RR_PLUGIN_API', /`keys` is not/],
  [{ name: 'x', command: 'a', restart: true }, 'RR_PLUGIN_API', /`restart` is not 'always'/],
  [{ name: 'x', command: 'a', restartMs: 0 }, 'RR_PLUGIN_API', /`restartMs` is not a number/],
  [{ name: 'x', command: 'a', runMsMax: '5s' }, 'RR_PLUGIN_API', /`runMsMax` is not a number/],
  [
    { name: 'x', command: 'no-such-program-here' },
    'RR_WORKER_COMMAND',
    /"no-such-program-here" is not on PATH/,
  ],
  [
    { name: 'x', command: 'sleep 1', keys: { cwd: 'nowhere' } },
    'RR_WORKER_SETTINGS',
    /^process "x" \(cwd: nowhere\)/,
  ],
  [
    { name: 'x', command: 'sleep 1', keys: { user: 'no-such' } },
    'RR_WORKER_SETTINGS',
    /^process "x" \(user: no-such\)/,
  ],
]
test('a process that cannot be started is refused with its name and the reason', async (t) => {
  const { service } = await plugin(t)
  // As a plugin in JavaScript would call it.
  for (const [options, code, message] of wrong)
    await assert.rejects(
      Reflect.apply(service.start, service, [options]),
      { code, message },
      JSON.stringify(options),
    )
})
