import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { startBootstrap } from '../helpers/bootstrap.js'
import { isAlive } from '../helpers/pool.js'
import { fixture } from '../helpers/project.js'
import {
  invoke,
  invokeAt,
  type LogLine,
  lambdaConfig,
  type RunningRr,
  startRr,
  workerText,
} from '../helpers/rr.js'
import { testApi } from '../helpers/runtime-api.js'
import { eventually } from '../helpers/wait.js'

const file = fixture('plugins', 'uncaught.mjs')

function config(how: string, emulator = 'emulator: { address: "127.0.0.1:0" }'): string {
  const more = `${emulator}\nplugins: [${file}]\nuncaught: { how: "${how}" }`
  return lambdaConfig(workerText('sleeps-and-tells'), { count: 1, more })
}

/** A server with an event in hand, whose plugin goes wrong then. */
async function goneWrong(t: TestContext, how: string) {
  const rr = await startRr(t, ['serve'], { config: config(how) })
  const answer = invoke(rr, '600')
  const { pid } = await rr.line((line) => line.logger === 'worker' && line.message === 'running')
  rr.child.kill('SIGUSR2')
  return { rr, answer, worker: Number(pid) }
}

function told(rr: RunningRr): readonly LogLine[] {
  return rr.lines().filter(({ message }) => /^(an uncaught error|an unhandled rejection)/.test(message))
}

function assertOnlyLog(rr: RunningRr): void {
  const raw = rr
    .text()
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('{'))
  assert.deepEqual(raw, [])
}

for (const [how, type, message] of [
  ['rejection', 'TypeError', 'late'],
  ['timer', 'Error', 'late'],
  ['next tick', 'Error', 'late'],
  ['error event', 'Error', 'late'],
  ['with a cause', 'Error', 'outer'],
] as const) {
  test(`${how}: one line with stack and plugin, the event in hand is answered, exit 1`, async (t) => {
    const { rr, answer, worker } = await goneWrong(t, how)
    assert.equal((await answer).body, 'told')
    assert.equal(await rr.ended, 1)
    const [line, ...others] = told(rr)
    assert.deepEqual(others, [])
    assert.deepEqual(
      [line?.level, line?.plugin, line?.file, line?.errorType, line?.errorMessage],
      ['error', 'uncaught', file, type, message],
    )
    assert.match(String(line?.stackTrace), /uncaught\.mjs/)
    if (how === 'with a cause') assert.match(JSON.stringify(line?.cause), /inner.*uncaught\.mjs/)
    assert.ok(rr.lines().some((one) => one.message === 'stopped'))
    assert.ok(!isAlive(worker))
    assertOnlyLog(rr)
  })
}

for (const [how, says] of [
  ['rejection with text', 'just text'],
  ['rejection with nothing', 'undefined'],
  ['hostile rejection', '(it throws when it is read, so it cannot be shown)'],
] as const) {
  test(`${how} ends the server in order, too`, async (t) => {
    const { rr, answer } = await goneWrong(t, how)
    assert.equal((await answer).body, 'told')
    assert.equal(await rr.ended, 1)
    assert.deepEqual(
      told(rr).map((line) => line.errorMessage),
      [says],
    )
    assertOnlyLog(rr)
  })
}

test('thousands of rejections are twenty lines and a count', async (t) => {
  const { rr, answer } = await goneWrong(t, 'storm')
  assert.equal((await answer).body, 'told')
  assert.equal(await rr.ended, 1)
  assert.equal(told(rr).length, 20)
  assert.equal((await rr.line((line) => /not shown/.test(line.message))).untold, 4980)
})

test('a rejection during the stop is told and the stop goes on', async (t) => {
  const { rr, answer } = await goneWrong(t, 'at the stop')
  assert.equal((await answer).body, 'told')
  await rr.ended
  assert.deepEqual(
    told(rr).map((line) => [line.plugin, line.errorMessage]),
    [['uncaught', 'late']],
  )
  assert.ok(rr.lines().some((one) => one.message === 'stopped'))
})

test('a plugin that calls process.exit is named, its workers are killed, and the code is 1', async (t) => {
  const { rr, answer, worker } = await goneWrong(t, 'exit')
  answer.catch(() => undefined)
  assert.equal(await rr.ended, 1)
  const line = rr.lines().find(({ message }) => message.startsWith('something called process.exit'))
  assert.deepEqual([line?.plugin, line?.code], ['uncaught', 0])
  assert.match(String(line?.stackTrace), /uncaught\.mjs/)
  await eventually(() => !isAlive(worker))
})

test('inside Lambda the event in hand is answered with RR.Stopped within 250 ms, exit 1', async (t) => {
  const api = await testApi(t)
  const rr = await startBootstrap(t, api, { config: config('rejection', '') })
  const answer = invokeAt(api.invokeUrl, '600000')
  await rr.line((line) => line.logger === 'worker' && line.message === 'running')
  const since = performance.now()
  rr.child.kill('SIGUSR2')
  assert.equal(await rr.ended, 1)
  assert.ok(performance.now() - since < 250, `${performance.now() - since} ms`)
  assert.equal(JSON.parse((await answer).body).errorType, 'RR.Stopped')
  assert.equal(told(rr).length, 1)
})
