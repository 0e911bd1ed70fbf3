import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { startBootstrap } from '../helpers/bootstrap.js'
import { invokeAt, type LogLine, lambdaConfig, type RunningRr, workerText } from '../helpers/rr.js'
import { testApi } from '../helpers/runtime-api.js'

interface Setup {
  readonly env?: Readonly<Record<string, string>>
  readonly logs?: string
  readonly timeoutMs?: number
}

async function start(t: TestContext, worker: string, { env, logs, timeoutMs }: Setup = {}) {
  const api = await testApi(t, timeoutMs === undefined ? {} : { timeoutMs })
  const more = logs === undefined ? '' : `logs: { ${logs} }`
  const rr = await startBootstrap(t, api, {
    config: lambdaConfig(worker, { count: 1, more }),
    ...(env && { env }),
  })
  return { api, rr, invoke: (body: string) => invokeAt(api.invokeUrl, body) }
}

const json = { AWS_LAMBDA_LOG_FORMAT: 'JSON' }
const text = { AWS_LAMBDA_LOG_FORMAT: 'Text' }

/** Ends the server and returns every line that it wrote, none of which may be anything but a JSON object. */
async function allLines(rr: RunningRr): Promise<readonly LogLine[]> {
  rr.child.kill('SIGTERM')
  await rr.ended
  for (const line of rr.text().trimEnd().split('\n')) {
    assert.doesNotThrow(() => JSON.parse(line), `no JSON: ${line.slice(0, 200)}`)
    assert.ok(Buffer.byteLength(line) <= 250_000, `${Buffer.byteLength(line)} bytes`)
  }
  return rr.lines()
}

test('lines of server and workers are JSON with AWS’s names and the request they belong to', async (t) => {
  const { rr, invoke } = await start(t, workerText('talks'), { env: json })
  const { requestId } = await invoke('2')
  const lines = await allLines(rr)
  const said = lines.filter(({ logger }) => logger === 'worker')
  assert.deepEqual(
    said.map(({ message, level, requestId: id, job }) => [message, level, id, job]),
    [0, 1].map((n) => [`line ${n}`, 'INFO', requestId, requestId]),
  )
  for (const { timestamp, time } of lines) {
    assert.match(String(timestamp), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
    assert.equal(time, undefined)
  }
})

test('the server’s own lines about an event carry its request', async (t) => {
  const { rr, invoke } = await start(t, workerText('by-body'), { env: json })
  const { requestId } = await invoke('error')
  const line = await rr.line(({ message }) => message === 'an event failed')
  assert.deepEqual(
    [line.logger, line.level, line.requestId, line.errorType],
    ['lambda', 'ERROR', requestId, 'RR.JobFailed'],
  )
})

test('a worker’s JSON line is merged and never text within JSON; a long one comes in parts', async (t) => {
  const { rr, invoke } = await start(t, workerText('talks'), { env: json })
  const { requestId } = await invoke('json')
  await invoke('long')
  const lines = (await allLines(rr)).filter(({ logger }) => logger === 'worker')
  const [own, ...parts] = lines
  assert.deepEqual(
    [own?.message, own?.level, own?.order, own?.requestId, own?.app_requestId],
    ['mine', 'WARN', { id: 7 }, requestId, 'own'],
  )
  assert.ok(parts.length > 1)
  assert.equal(parts.map(({ message }) => message).join(''), 'ä"'.repeat(200_000))
  assert.equal(new Set(parts.map(({ partId }) => partId)).size, 1)
  assert.deepEqual(
    parts.map(({ part }) => part),
    parts.map((_, at) => at + 1),
  )
})

const levels: readonly (readonly [asked: string, heard: readonly string[]])[] = [
  ['TRACE', ['info', 'warning', 'error', 'critical']],
  ['INFO', ['info', 'warning', 'error', 'critical']],
  ['WARN', ['warning', 'error', 'critical']],
  ['ERROR', ['error', 'critical']],
  ['FATAL', ['error', 'critical']],
]
test('AWS_LAMBDA_LOG_LEVEL filters lines of server and workers; it cannot raise logs.level', async (t) => {
  for (const [asked, heard] of levels) {
    const { rr, invoke } = await start(t, workerText('talks'), {
      env: { ...json, AWS_LAMBDA_LOG_LEVEL: asked },
    })
    await invoke('levels')
    const lines = await allLines(rr)
    const said = lines.filter(({ logger }) => logger === 'worker').map(({ message }) => message)
    assert.deepEqual(
      said,
      heard.map((level) => `at ${level}`),
      asked,
    )
    const isStartTold = lines.some(({ message }) => message === 'server started')
    assert.equal(isStartTold, asked === 'TRACE' || asked === 'INFO', asked)
  }
})

test('with the format Text the lines are JSON under our own names, and text of several lines tears none', async (t) => {
  const { rr, invoke } = await start(t, workerText('talks'), { env: text })
  const { requestId } = await invoke('stack')
  const lines = (await allLines(rr)).filter(({ logger }) => logger === 'worker')
  assert.deepEqual(
    lines.map(({ message, level, requestId: id, time }) => [message, level, id, typeof time]),
    ['Error: broke', '    at a (b.js:1)', '    at c (d.js:2)'].map((one) => [
      one,
      'info',
      requestId,
      'string',
    ]),
  )
})

test('lines for people are whole lines inside Lambda, too: cut below 250 KB, with the request', async (t) => {
  const { rr, invoke } = await start(t, workerText('talks'), { env: text, logs: 'encoding: console' })
  const { requestId } = await invoke('long')
  rr.child.kill('SIGTERM')
  await rr.ended
  const lines = rr.text().split('\n')
  const parts = lines.filter((line) => line.includes('partId=log-1'))
  assert.ok(parts.length > 1)
  for (const line of lines) assert.ok(Buffer.byteLength(line) <= 250_000)
  for (const line of parts) assert.ok(line.includes(`job=${requestId}`))
  assert.equal(parts.join('').split('ä"').length - 1, 200_000)
})

const words = Array.from({ length: 1000 }, (_, n) => `word ${n}`)

test('at the deadline all that the worker wrote is in the log, and its last lines are in the error', async (t) => {
  const { rr, invoke } = await start(t, workerText('last-words'), { env: json, timeoutMs: 1500 })
  const answer = await invoke('1')
  const error = JSON.parse(answer.body)
  assert.equal(error.errorType, 'RR.WorkerTimeout')
  assert.match(error.errorMessage, /ran \d+ ms in worker \d+;.*its last lines: .*word 999/)
  assert.ok(error.errorMessage.includes(answer.requestId))
  const said = (await allLines(rr)).filter(({ logger }) => logger === 'worker')
  assert.deepEqual(
    said.map(({ message }) => message),
    words,
  )
  assert.ok(said.every(({ requestId }) => requestId === answer.requestId))
})

test('at the end of the environment nothing that a worker said before is lost', async (t) => {
  const { rr, invoke } = await start(t, workerText('last-words', 'term'), { env: json })
  const answer = invoke('1')
  assert.equal(await rr.ended, 0)
  const { requestId } = await answer
  const said = rr.lines().filter(({ logger }) => logger === 'worker')
  assert.deepEqual(
    said.map(({ message }) => message),
    words,
  )
  assert.ok(said.every((line) => line.requestId === requestId))
})

test('a worker that writes more than a pipe holds is not blocked, even when nothing of it is wanted', async (t) => {
  const { rr, invoke } = await start(t, workerText('talks'), { env: json, logs: 'level: off' })
  assert.equal((await invoke('50000')).body, '"said"')
  rr.child.kill('SIGTERM')
  assert.equal(await rr.ended, 0)
  assert.ok(!rr.text().includes('line 0'))
})
