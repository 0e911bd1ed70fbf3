/** `lambda.failed: log` with logs that cannot be written: a record is acknowledged only when its line is really there. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { startBootstrap } from '../helpers/bootstrap.js'
import { rrCommand } from '../helpers/project.js'
import { failuresOf, invokeAt, lambdaConfig, sqsEvent, testFolder, workerText } from '../helpers/rr.js'
import { testApi } from '../helpers/runtime-api.js'

/** `rr bootstrap` with its log at `path`, whose workers give everything up. */
async function start(t: TestContext, path: string, more = '') {
  const api = await testApi(t)
  const config = lambdaConfig(workerText('gives-up'), { more, lambda: 'failed: log' })
  const command = ['sh', '-c', `exec "$@" >${path}`, 'sh', process.execPath, rrCommand] as const
  await startBootstrap(t, api, { config, command })
  return (event: unknown) => invokeAt(api.invokeUrl, JSON.stringify(event))
}

const event = sqsEvent(['first', 'second', 'third'])
const all = ['message-0', 'message-1', 'message-2']

test('records that a full device does not take are reported as failed', async (t) => {
  const invoke = await start(t, '/dev/full')
  for (let times = 0; times < 2; times += 1) assert.deepEqual(failuresOf(await invoke(event)), all)
})

test('with a level that takes no errors the records are left to the queue', async (t) => {
  const folder = await testFolder(t)
  const invoke = await start(t, join(folder, 'log'), 'logs: { level: off }')
  assert.deepEqual(failuresOf(await invoke(event)), all)
})

test('records come again while the log’s reader is stalled, and are acknowledged once it reads again', async (t) => {
  const path = join(await testFolder(t), 'pipe')
  assert.equal(spawnSync('mkfifo', [path]).status, 0)
  const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK)
  t.after(() => closeSync(fd))
  fill(fd)
  const invoke = await start(t, path)
  assert.deepEqual(failuresOf(await invoke(event)), all)
  empty(fd)
  assert.deepEqual(failuresOf(await invoke(event)), [])
  const written = empty(fd)
  for (const body of ['first', 'second', 'third']) {
    const line = written.split('\n').find((one) => one.includes(`"body":"${body}"`))
    assert.equal(JSON.parse(line ?? '').message, 'a worker gave up a record', body)
  }
})

/** Until nothing more goes into the pipe. */
function fill(fd: number): void {
  for (const size of [4096, 1]) untilBlocked(() => writeSync(fd, Buffer.alloc(size, '\n')))
}

function empty(fd: number): string {
  const chunk = Buffer.alloc(65_536)
  let text = ''
  untilBlocked(() => {
    text += chunk.toString('utf8', 0, readSync(fd, chunk))
  })
  return text
}

function untilBlocked(step: () => void): void {
  try {
    for (;;) step()
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'EAGAIN')
  }
}
