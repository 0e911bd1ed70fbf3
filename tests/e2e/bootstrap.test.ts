import assert from 'node:assert/strict'
import { existsSync, readdirSync } from 'node:fs'
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { startBootstrap as start } from '../helpers/bootstrap.js'
import { rr as command } from '../helpers/command.js'
import { isAlive } from '../helpers/pool.js'
import { fixture, missing } from '../helpers/project.js'
import {
  failuresOf,
  invokeAt,
  type LogLine,
  lambdaConfig,
  sqsEvent,
  startRr,
  testFolder,
  workerText,
} from '../helpers/rr.js'
import { type ApiCall, testApi } from '../helpers/runtime-api.js'
import { eventually } from '../helpers/wait.js'

function shellConfig(
  command: readonly string[],
  { count, minReady }: { count: number; minReady: number },
): string {
  return `version: "3"\nserver: { command: ${JSON.stringify(command)} }\nlambda: { min_ready: ${minReady}, pool: { num_workers: ${count} } }\n`
}

function isInitError(call: ApiCall): boolean {
  return call.path.endsWith('/init/error')
}

test('events are pulled and answered, and the log goes to standard output', async (t) => {
  const api = await testApi(t)
  const rr = await start(t, api, { config: lambdaConfig(workerText('echo'), { more: '' }) })
  assert.equal((await invokeAt(api.invokeUrl, '{"a":1}')).body, '{"a":1}')
  assert.ok(
    api.calls.some((call) => call.path.endsWith('/extension/register')),
    'no extension was registered',
  )
  assert.equal((await rr.line((line) => line.message === 'server started')).level, 'info')
})

test('a config file with faults is posted as an init error, and the exit code is 78', async (t) => {
  const api = await testApi(t)
  const rr = await start(t, api, { config: 'version: "3"\nlambda: { mod: raw }\n' })
  assert.equal(await rr.ended, 78)
  const call = await api.call(isInitError)
  const error = JSON.parse(call.body)
  assert.equal(error.errorType, 'RR.InitFailed')
  assert.match(error.errorMessage, /rr\.yaml:2:11: unknown key "mod".*did you mean "mode"/)
  assert.equal(call.headers['lambda-runtime-function-error-type'], 'Runtime.InitFailed')
})

test('when every worker fails to boot their last lines are posted, and the exit code is 1', async (t) => {
  const api = await testApi(t)
  const rr = await start(t, api, { config: lambdaConfig(workerText('fails-boot'), { more: '' }) })
  assert.equal(await rr.ended, 1)
  const error = JSON.parse((await api.call(isInitError)).body)
  assert.equal(error.errorType, 'RR.InitFailed')
  assert.match(error.errorMessage, /cannot reach the database/)
})

test('a server that starts slower than its workers fail to boot posts the init error all the same', async (t) => {
  const api = await testApi(t)
  const folder = await testFolder(t)
  const boots = join(folder, 'boots')
  const command = ['/bin/sh', '-c', `echo boot >>${boots}; echo no luck >&2; exit 3`]
  const config = [
    'version: "3"',
    `plugins: [${fixture('plugins', 'slow-setup.mjs')}]`,
    `server: { command: ${JSON.stringify(command)} }`,
    'lambda: { pool: { num_workers: 1 } }',
    // The first boot, the one after which the pool counts as dead, and another.
    `slow: { file: ${boots}, lines: 4 }`,
    '',
  ].join('\n')
  const rr = await start(t, api, { config, folder })
  assert.equal(await rr.ended, 1)
  assert.ok(api.calls.some(isInitError), rr.text())
  assert.match((await api.call(isInitError)).body, /no luck/)
})

test('late boot failures end the server after five in a row over 10 s, with running jobs answered', async (t) => {
  const api = await testApi(t)
  const code = join(await testFolder(t), 'code')
  await writeFile(code, 'good')
  const rr = await start(t, api, {
    config: lambdaConfig(workerText('by-file', code), { count: 1, more: '' }),
  })
  const answered = async () => Number((await invokeAt(api.invokeUrl, '1')).body)
  const breakDown = async () => {
    const pid = await answered()
    await writeFile(code, 'broken')
    process.kill(pid, 'SIGKILL')
    return pid
  }
  const first = await breakDown()
  await rr.line((line) => line.message.startsWith('a worker did not boot') && line.tries === 4)
  await writeFile(code, 'good')
  assert.notEqual(await answered(), first)
  const since = performance.now()
  const isFailure = (line: LogLine) => line.message.startsWith('a worker did not boot')
  const before = rr.lines().filter(isFailure).length
  await breakDown()
  // Until the worker's end has been seen the event might still be given to it.
  await rr.line((line) => isFailure(line) && rr.lines().filter(isFailure).length > before)
  const last = invokeAt(api.invokeUrl, '1')
  assert.equal(await rr.ended, 1)
  assert.ok(performance.now() - since >= 10_000, `${performance.now() - since} ms`)
  assert.match((await last).body, /RR\.(Stopped|NoWorkers)/)
})

test('min_ready workers boot first, the others with the first /next', async (t) => {
  const folder = await testFolder(t)
  const [first, gate, boots] = ['first', 'gate', 'boots'].map((name) => join(folder, name))
  const bootCount = async () => (await readFile(String(boots), 'utf8')).split('\n').length - 1
  const api = await testApi(t)
  const script = `echo boot >>${boots}; mkdir ${first} 2>/dev/null || until [ -e ${gate} ]; do sleep 0.05; done; exec ${workerText('who')}`
  const config = shellConfig(['/bin/sh', '-c', script], { count: 5, minReady: 2 })
  const rr = await start(t, api, { config, folder })
  // One is ready, and the second one still boots.
  await eventually(async () => {
    const { out } = await command(folder, ['workers', '--json'])
    return out !== '' && JSON.parse(out).length === 1
  })
  assert.equal(await bootCount(), 2)
  assert.ok(!api.calls.some((call) => call.path.endsWith('/invocation/next')))
  await writeFile(String(gate), '')
  const { pools } = await rr.line((line) => line.message === 'server started')
  assert.match(JSON.stringify(pools), /"readyCount":5/)
  assert.equal(await bootCount(), 5)
  assert.ok(Number((await invokeAt(api.invokeUrl, '1')).body) > 0)
})

test('when the first worker fails the others boot at once, side by side, before any is ready', async (t) => {
  const folder = await testFolder(t)
  const [first, gate, boots] = ['first', 'gate', 'boots'].map((name) => join(folder, name))
  const api = await testApi(t)
  const script = `mkdir ${first} 2>/dev/null && { echo no luck; exit 1; }; mkdir -p ${boots}/$$; until [ -e ${gate} ]; do sleep 0.05; done; exec ${workerText('who')}`
  const config = shellConfig(['/bin/sh', '-c', script], { count: 4, minReady: 1 })
  await start(t, api, { config, folder })
  // The three others, at least: the first one is tried again.
  await eventually(() => existsSync(String(boots)) && readdirSync(String(boots)).length >= 3)
  assert.ok(!api.calls.some((call) => call.path.endsWith('/invocation/next')))
  await writeFile(String(gate), '')
  assert.ok(Number((await invokeAt(api.invokeUrl, '1')).body) > 0)
})

test('when one of the first workers fails the others boot at once, and one that is ready is enough', async (t) => {
  const api = await testApi(t)
  const folder = await testFolder(t)
  const script = `mkdir ${join(folder, 'first')} 2>/dev/null && exec ${workerText('who')}; echo no luck; exit 1`
  const config = shellConfig(['/bin/sh', '-c', script], { count: 3, minReady: 2 })
  const rr = await start(t, api, { config, folder })
  assert.ok(Number((await invokeAt(api.invokeUrl, '1')).body) > 0)
  const { pools } = await rr.line((line) => line.message === 'server started')
  assert.match(JSON.stringify(pools), /"size":3,"readyCount":1/)
})

test('without the variable there is nothing to pull from: 78', async (t) => {
  const rr = await startRr(t, ['bootstrap'], {
    config: lambdaConfig(workerText('echo')),
    env: { AWS_LAMBDA_RUNTIME_API: undefined },
  })
  assert.equal(await rr.ended, 78)
})

test('no file and an ordinary Node handler: it runs unchanged', async (t) => {
  const api = await testApi(t)
  const code =
    'exports.handler = async (event, context) => ({ got: event.a, id: context.awsRequestId, left: context.getRemainingTimeInMillis() > 0 })'
  await start(t, api, { handler: 'index.handler', files: { 'index.js': code } })
  const answer = await invokeAt(api.invokeUrl, '{"a":1}')
  assert.deepEqual(JSON.parse(answer.body), { got: 1, id: answer.requestId, left: true })
})

test('no file and an ordinary Python handler: it runs unchanged', { skip: missing('python3') }, async (t) => {
  const api = await testApi(t)
  const code = 'def handler(event, context):\n    return {"got": event["a"], "id": context.aws_request_id}\n'
  await start(t, api, { handler: 'index.handler', files: { 'index.py': code } })
  const answer = await invokeAt(api.invokeUrl, '{"a":1}')
  assert.deepEqual(JSON.parse(answer.body), { got: 1, id: answer.requestId })
})

test('no file and worker.php: a worker of that name', { skip: missing('php') }, async (t) => {
  const api = await testApi(t)
  const { projectFolder } = await import('../helpers/project.js')
  const code = `<?php require '${projectFolder}/workers/php/autoload.php'; RelayRunner\\Worker::serve(fn (string $b) => "[$b]");`
  await start(t, api, { handler: 'worker.php', files: { 'worker.php': code } })
  assert.equal((await invokeAt(api.invokeUrl, '7')).body, '[7]')
})

test('no file and a handler that leads nowhere is an init error', async (t) => {
  const api = await testApi(t)
  const rr = await start(t, api, { handler: 'nowhere.handler' })
  assert.equal(await rr.ended, 78)
  assert.match((await api.call(isInitError)).body, /_HANDLER=.*nowhere\.handler/)
})

test('SIGTERM while idle ends within 250 ms with 0 and no worker left', async (t) => {
  const api = await testApi(t)
  const rr = await start(t, api, { config: lambdaConfig(workerText('who'), { more: '' }) })
  await rr.line((line) => line.message === 'server started')
  const pid = Number((await invokeAt(api.invokeUrl, '1')).body)
  const since = performance.now()
  rr.child.kill('SIGTERM')
  assert.equal(await rr.ended, 0)
  assert.ok(performance.now() - since < 250, `${performance.now() - since} ms`)
  assert.ok(!isAlive(pid))
})

test('SIGTERM in a batch answers at once: what is finished counts, the rest has failed', async (t) => {
  const api = await testApi(t)
  const rr = await start(t, api, { config: lambdaConfig(workerText('by-number'), { count: 2, more: '' }) })
  const answer = invokeAt(api.invokeUrl, JSON.stringify(sqsEvent(['0', '600000', '0', '600000', '0'])))
  await rr.line((line) => line.logger === 'worker' && line.message === 'long 1')
  await rr.line((line) => line.logger === 'worker' && line.message === 'long 3')
  const since = performance.now()
  rr.child.kill('SIGTERM')
  assert.equal(await rr.ended, 0)
  assert.ok(performance.now() - since < 250, `${performance.now() - since} ms`)
  assert.deepEqual(failuresOf(await answer), ['message-1', 'message-3', 'message-4'])
})

test('SIGTERM in an event answers RR.Stopped within 250 ms', async (t) => {
  const api = await testApi(t)
  const rr = await start(t, api, { config: lambdaConfig(workerText('cpu-loop'), { more: '' }) })
  const answer = invokeAt(api.invokeUrl, '1')
  const pid = Number((await rr.line((line) => line.message === 'looping')).pid)
  const since = performance.now()
  rr.child.kill('SIGTERM')
  assert.equal(await rr.ended, 0)
  assert.ok(performance.now() - since < 250, `${performance.now() - since} ms`)
  assert.equal(JSON.parse((await answer).body).errorType, 'RR.Stopped')
  assert.ok(!isAlive(pid))
})

test('it runs with 1024 descriptors, a read-only folder and only /tmp to write to', async (t) => {
  const api = await testApi(t)
  const folder = await testFolder(t)
  const task = join(folder, 'task')
  await mkdir(task)
  await writeFile(join(task, 'index.mjs'), 'export const handler = async () => "ok"')
  await chmod(task, 0o555)
  await chmod(folder, 0o755)
  const { spawnAsLambda } = await import('../helpers/lambda-user.js')
  const rr = spawnAsLambda(t, { task, api: api.address, handler: 'index.handler' })
  assert.equal((await invokeAt(api.invokeUrl, '1')).body, '"ok"')
  rr.kill('SIGTERM')
  await chmod(task, 0o755)
})

test('with AWS_LAMBDA_LOG_FORMAT=JSON the lines carry AWS’s names', async (t) => {
  const api = await testApi(t)
  const rr = await start(t, api, {
    config: lambdaConfig(workerText('tells-context'), { more: '' }),
    env: { AWS_LAMBDA_LOG_FORMAT: 'JSON' },
  })
  const { requestId } = await invokeAt(api.invokeUrl, '1')
  const line = await rr.line((one) => one.message === 'told')
  assert.deepEqual(
    [line.level, line.requestId, typeof line.timestamp, line.time],
    ['INFO', requestId, 'string', undefined],
  )
})
