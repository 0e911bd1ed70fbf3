import assert from 'node:assert/strict'
import { chmod, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { areStopped, realSeconds, startEnvironment } from '../helpers/environment.js'
import { isAlive } from '../helpers/pool.js'
import { lambdaConfig, testFolder, workerText } from '../helpers/rr.js'
import { eventually } from '../helpers/wait.js'

const who = lambdaConfig(workerText('who'), { count: 2, more: '' })

test('an init that takes too long is killed silently, and the event waits for a second one in its own time', async (t) => {
  const mark = join(await testFolder(t), 'mark')
  const config = lambdaConfig(workerText('hangs-first-boot', mark), { count: 1, more: '' })
  const { invoke, logged } = await startEnvironment(t, { config, initMsMax: 4000 })
  const answer = invoke('served')
  const failed = await logged('initialisation failed')
  assert.deepEqual([failed.status, failed.phase], ['timeout', 'init'])
  assert.equal(await answer, '"served"')
  assert.equal((await logged('initialised')).phase, 'invoke')
})

test('a runtime that cannot start is tried twice, and the second fault is the invoker’s', async (t) => {
  const { invoke, logged } = await startEnvironment(t, { config: 'version: "3"\nlambda: { mod: raw }\n' })
  const answer = await invoke(1)
  assert.match(answer, /RR\.InitFailed.*unknown key/)
  assert.equal((await logged('initialisation failed', 0)).phase, 'init')
  assert.equal((await logged('initialisation failed', 1)).phase, 'invoke')
  assert.equal((await logged('the runtime ended', 1)).code, 78)
})

test('an event that comes while a failed start still ends has a start of its own', async (t) => {
  // The repeated start says that it failed and ends only when the next event waits.
  const script = `
    import { existsSync } from 'node:fs'
    const body = '{"errorType":"Own.Fault","errorMessage":"no"}'
    const headers = { 'Lambda-Runtime-Function-Error-Type': 'Own.Fault' }
    const address = process.env.AWS_LAMBDA_RUNTIME_API
    await fetch('http://' + address + '/2018-06-01/runtime/init/error', { method: 'POST', headers, body })
    const isOver = () => process.env._RELAYRUNNER_FAILED_INIT !== 'no' || existsSync('go')
    setInterval(() => isOver() && process.exit(1), 10)
  `
  const command = [process.execPath, '--input-type=module', '-e', script]
  const { folder, invoke } = await startEnvironment(t, { command })
  assert.match(await invoke(1), /"Own\.Fault"/)
  const next = invoke(2)
  await writeFile(join(folder, 'go'), '')
  assert.match(await next, /"Own\.Fault"/)
})

test('a command that does not exist is an invalid entry point', async (t) => {
  const { invoke } = await startEnvironment(t, { command: ['/no/such/bootstrap'] })
  assert.match(await invoke(1), /^Runtime\.InvalidEntrypoint .*exit status 127/)
})

test('a timeout resets the environment, whatever it left behind, and the next event is served', async (t) => {
  const config = lambdaConfig(workerText('waits-for-file'), { count: 1, more: '' })
  const { environment, folder, invoke, logged, output } = await startEnvironment(t, {
    config,
    timeoutMs: 8000,
  })
  const file = join(folder, 'go')
  const hung = invoke(file)
  await eventually(() => output().includes('waiting'))
  const first = environment.pid ?? 0
  process.kill(first, 'SIGSTOP')
  assert.match(await hung, /^Sandbox\.Timedout .*Task timed out after 8\.00 seconds/)
  assert.ok(!isAlive(first))
  // It had to be killed: its sockets are still in /tmp.
  const ended = await logged('ended the environment')
  assert.deepEqual([ended.reason, ended.signal], ['TIMEOUT', 'SIGKILL'])
  await writeFile(file, '')
  const worker = Number(await invoke(file))
  assert.ok(isAlive(worker))
  assert.notEqual(environment.pid, first)
})

test('a runtime that dies in an event fails it, leaves no worker, and the next event is served', async (t) => {
  const { environment, invoke } = await startEnvironment(t, {
    config: lambdaConfig(workerText('waits-for-file'), { count: 1, more: '' }),
  })
  const running = invoke('/never')
  await eventually(() => environment.phase === 'live')
  process.kill(environment.pid ?? 0, 'SIGKILL')
  assert.match(await running, /^Runtime\.ExitError .*signal: killed/)
  assert.ok(Number(await invoke('/')) > 0)
})

test('an unused environment is spun down with SIGTERM, exits with 0 in time, and the next one is new', async (t) => {
  const { invoke, logged } = await startEnvironment(t, { config: who, idleMsMax: 1 })
  const worker = Number(await invoke(1))
  const ended = await logged('ended the environment')
  assert.deepEqual([ended.reason, ended.code, ended.signal], ['SPINDOWN', 0, null])
  assert.ok(!isAlive(worker))
  assert.notEqual(Number(await invoke(1)), worker)
  assert.equal((await logged('initialised', 1)).phase, 'init')
})

test('without an extension there is no SIGTERM', async (t) => {
  const { invoke, logged } = await startEnvironment(t, { config: who, idleMsMax: 1, hasExtensions: false })
  await invoke(1)
  assert.equal((await logged('ended the environment')).signal, 'SIGKILL')
})

test('between events all processes are frozen; a long freeze ends no worker, fails no event and is logged', async (t) => {
  const config = lambdaConfig(workerText('announces'), { count: 1, more: '' })
  const { environment, invoke, logged } = await startEnvironment(t, { config })
  assert.equal(await invoke(1), '[]')
  await logged('frozen')
  const pids = await descendants(environment.pid ?? 0)
  assert.ok(pids.length >= 2, `only ${pids.length} processes`)
  // The signal is out; a process that another processor runs stops a moment later.
  await eventually(() => areStopped(pids))
  await realSeconds(6)
  const [told] = JSON.parse(await invoke(2))
  assert.ok(told.thaw.gap_ms >= 5000, JSON.stringify(told))
  assert.ok(Number((await logged('thawed')).ms) >= 5000)
  assert.ok(pids.every(isAlive), 'a worker was replaced')
})

test('a worker that boots when everything freezes is given its whole time afterwards', async (t) => {
  const folder = await testFolder(t)
  const command = workerText('second-boots-late', join(folder, 'mark'), join(folder, 'go'))
  const config = lambdaConfig(command, { count: 2, more: '' }).replace(
    'num_workers: 2',
    'num_workers: 2, allocate_timeout: 5s',
  )
  const { environment, invoke, logged, output } = await startEnvironment(t, {
    folder,
    config,
    initMsMax: 60_000,
  })
  await invoke(1)
  await logged('frozen')
  const pids = await descendants(environment.pid ?? 0)
  await realSeconds(6)
  await invoke(2)
  assert.ok(pids.every(isAlive), output())
  await writeFile(join(folder, 'go'), '')
})

test('without freezing the processes run on between events', async (t) => {
  const { environment, invoke } = await startEnvironment(t, { config: who, freezes: false })
  await invoke(1)
  await eventually(() => environment.phase === 'resting')
  assert.ok(!areStopped([environment.pid ?? 0]))
})

test('provisioned: it is initialised and frozen before the first event comes', async (t) => {
  const { invoke, logged } = await startEnvironment(t, {
    config: who,
    initialization: 'provisioned-concurrency',
  })
  assert.equal((await logged('initialised')).phase, 'init')
  await logged('frozen')
  assert.ok(Number(await invoke(1)) > 0)
})

test('SnapStart: it is frozen before the snapshot is woken, and the workers hear of both', async (t) => {
  const config = lambdaConfig(workerText('announces'), { count: 1, more: '' })
  const { environment, invoke, logged } = await startEnvironment(t, { config, initialization: 'snap-start' })
  await logged('frozen')
  assert.equal(environment.phase, 'snapshotted')
  const heard = [{ snapshot: 'before' }, { snapshot: 'after' }]
  assert.deepEqual(JSON.parse(await invoke(1)), heard)
})

test('an answer is streamed piece by piece, and a reader that leaves does not end the environment', async (t) => {
  const config = lambdaConfig(workerText('streams-pieces'), { count: 1, more: '', lambda: 'streaming: true' })
  const { environment, invoke } = await startEnvironment(t, { config })
  const read = async (pieces: number, readMax: number) => {
    const result = await environment.invokeStream(Buffer.from(String(pieces)))
    assert.ok(result.kind === 'stream', String(result.kind === 'error' && result.body))
    let bytes = 0
    for await (const chunk of result.stream.chunks()) {
      bytes += chunk.length
      if (bytes >= readMax) break
    }
    return { bytes, end: await result.stream.ended }
  }
  assert.deepEqual(await read(40, Number.POSITIVE_INFINITY), {
    bytes: 40 * 65_536,
    end: { kind: 'complete' },
  })
  const first = environment.pid
  assert.equal((await read(1_000_000, 65_536)).end.kind, 'gone')
  assert.equal(await invoke(2), 'x'.repeat(2 * 65_536))
  assert.equal(environment.pid, first)
})

test('Managed Instances: events run side by side, and a worker’s death fails only its own', async (t) => {
  const config = lambdaConfig(workerText('waits-for-file'), { count: 3, more: '' })
  const { environment, folder, invoke, logged, output } = await startEnvironment(t, {
    config,
    concurrency: 3,
  })
  await logged('initialised')
  const { pid } = environment
  const files = ['a', 'b', 'c'].map((name) => join(folder, name))
  const answers = files.map((file) => invoke(file))
  await eventually(() => output().split('waiting').length === 4)
  assert.match(await invoke('/'), /^Runtime\.Unavailable /)
  const waiting = output()
    .split('\n')
    .filter((line) => line.includes('waiting'))
    .map((line) => Number(JSON.parse(line).pid))
  process.kill(waiting[0] ?? 0, 'SIGKILL')
  const failed = await Promise.race(answers)
  assert.match(failed, /RR\.WorkerCrashed/)
  for (const file of files) await writeFile(file, '')
  const all = await Promise.all(answers)
  assert.equal(all.filter((one) => Number(one) > 0).length, 2)
  assert.equal(environment.pid, pid)
  // A new worker has the third slot.
  assert.ok(Number(await invoke('/')) > 0)
})

test('an external extension holds up nothing, is told of the end with its reason, and has its time', async (t) => {
  const folder = await testFolder(t)
  const code = `
    const base = 'http://' + process.env.AWS_LAMBDA_RUNTIME_API + '/2020-01-01/extension'
    const registered = await fetch(base + '/register', {
      method: 'POST', headers: { 'Lambda-Extension-Name': 'watcher' }, body: '{"events":["INVOKE","SHUTDOWN"]}',
    })
    const headers = { 'Lambda-Extension-Identifier': registered.headers.get('lambda-extension-identifier') }
    for (;;) {
      const event = await (await fetch(base + '/event/next', { headers })).json()
      console.log('told ' + event.eventType + ' ' + (event.shutdownReason ?? '') + ' ' + ('_HANDLER' in process.env))
      if (event.eventType === 'SHUTDOWN') process.exit(0)
    }`
  const { invoke, logged, output } = await startEnvironment(t, {
    folder,
    config: who,
    files: { 'watcher.mjs': code },
    extensions: [{ name: 'watcher', command: [process.execPath, join(folder, 'watcher.mjs')] }],
    idleMsMax: 1,
  })
  await invoke(1)
  const ended = await logged('ended the environment')
  assert.deepEqual([ended.reason, ended.code], ['SPINDOWN', 0])
  await eventually(() => output().includes('told SHUTDOWN'))
  assert.match(output(), /told INVOKE {2}false\n(.|\n)*told SHUTDOWN SPINDOWN false/)
})

test('an extension that dies fails the event and resets the environment', async (t) => {
  const { invoke } = await startEnvironment(t, {
    config: who,
    extensions: [{ name: 'dies', command: ['/bin/sh', '-c', 'exit 3'] }],
  })
  assert.match(await invoke(1), /^Extension\.Crash .*extension dies ended/)
})

test('the limits are Lambda’s: 1024 descriptors, and another user where one is named', async (t) => {
  const folder = await testFolder(t)
  await chmod(folder, 0o777)
  const isRoot = process.getuid?.() === 0
  const script = '(ulimit -n; id -u; echo "$AWS_LAMBDA_FUNCTION_NAME") >"$LAMBDA_TASK_ROOT/seen"; exit 9'
  const { invoke } = await startEnvironment(t, {
    folder,
    command: ['/bin/sh', '-c', script],
    user: isRoot ? { uid: 65534, gid: 65534 } : undefined,
  })
  assert.match(await invoke(1), /exit status 9/)
  const user = isRoot ? '65534' : String(process.getuid?.())
  assert.equal(await readFile(join(folder, 'seen'), 'utf8'), `1024\n${user}\nf\n`)
})

async function descendants(root: number): Promise<readonly number[]> {
  const { readProcesses } = await import('../../src/plugins/emulator/environment/process-tree.js')
  const all = readProcesses()
  const below = [root]
  for (const pid of below)
    below.push(...all.filter(({ parent }) => parent === pid).map(({ pid: child }) => child))
  return below
}
