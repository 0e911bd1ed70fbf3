import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type HttpSettings, httpMode } from '../../../../src/plugins/lambda/modes/http.js'
import type { Mode } from '../../../../src/plugins/lambda/modes/mode.js'
import { albEvent, httpApiEvent, restEvent, urlEvent } from '../../../helpers/http-events.js'
import { answerOf, handlerOptions, invocationOf, startEvent } from '../../../helpers/lambda.js'
import { recordingLogger, startPool } from '../../../helpers/pool.js'
import { testFolder } from '../../../helpers/rr.js'

const defaults: HttpSettings = {
  codec: 'json',
  isRaw: false,
  errorStatus: 500,
  uploads: { dir: '', forbid: [], allow: [], max_files: 20, max_fields: 1000 },
  removeUpload: () => Promise.resolve(),
}

interface Answered {
  readonly statusCode: number
  readonly body: string
}

/** An HTTP worker that answers with the head and body in its request's own body: context JSON, a line break, the rest. */
async function server(t: TestContext, settings: Partial<HttpSettings> = {}, worker = 'http-by-body') {
  const { pool } = await startPool(t, worker)
  await pool.booted
  const log = recordingLogger()
  const mode: Mode = httpMode({ ...defaults, ...settings })
  const options = {
    ...handlerOptions(pool, { mode, log }),
    split: { isSplit: false, fifo: 'group' as const },
  }
  const send = async (event: object) => {
    const answer = await answerOf(invocationOf(event), options)
    assert.notEqual(answer.kind, 'streamed')
    const result: Answered | undefined =
      answer.kind === 'result' ? JSON.parse(String(answer.body)) : undefined
    return { result, error: answer.kind === 'error' ? answer.error : undefined }
  }
  const failures = () =>
    log.lines.flatMap(({ fields }) => (fields.errorMessage ? [String(fields.errorMessage)] : []))
  return { send, failures, pool }
}

const ok = '{"status":200}'

test('a worker’s answer is checked: an invalid head is a 500 for the caller and a line in the log', async (t) => {
  const { send, failures } = await server(t)
  const heads = ['', '{}', 'nonsense', '{"status":99}', '{"status":600}', '{"status":103}', '[]']
  for (const head of heads) {
    const { result } = await send(httpApiEvent({ method: 'POST', body: `${head}\nbody` }))
    assert.deepEqual([result?.statusCode, result?.body], [500, ''], head)
  }
  assert.equal(failures().length, heads.length)
  for (const text of failures()) assert.match(text, /not an HTTP answer/)
})

test('internal_error_code is the status of every failure, and 0 fails the invocation', async (t) => {
  const teapot = await server(t, { errorStatus: 418 })
  const { result } = await teapot.send(restEvent({ httpMethod: 'POST', body: 'nonsense' }))
  assert.equal(result?.statusCode, 418)
  const strict = await server(t, { errorStatus: 0 })
  const { error } = await strict.send(restEvent({ httpMethod: 'POST', body: 'nonsense' }))
  assert.equal(error?.errorType, 'RR.BadReply')
})

test('an answer as large as Lambda takes passes, one byte more is a 500 with the size in the log', async (t) => {
  const { send, failures } = await server(t)
  const answer = (size: number) => `${ok}\nFILL ${size}`
  const empty = JSON.stringify({ statusCode: 200, headers: {}, body: '', isBase64Encoded: false }).length
  const size = 6 * 1024 * 1024 + 100 - empty
  const passed = await send(urlEvent({ method: 'POST', body: answer(size) }))
  assert.equal(passed.result?.body.length, size)
  const refused = await send(urlEvent({ method: 'POST', body: answer(size + 1) }))
  assert.deepEqual([refused.result?.statusCode, refused.result?.body], [500, ''])
  assert.deepEqual(failures(), [
    `the HTTP answer has ${size + 1} bytes, 6291557 as JSON; Lambda takes 6291556`,
  ])
})

test('a load balancer takes 1 MB', async (t) => {
  const { send, failures } = await server(t)
  const post = (size: number) => send(albEvent({ httpMethod: 'POST', body: `${ok}\nFILL ${size}` }))
  assert.equal((await post(999_000)).result?.statusCode, 200)
  assert.equal((await post(1_000_000)).result?.statusCode, 500)
  assert.match(failures().join(), /a load balancer takes 1000000/)
})

test('a request that is refused costs no worker, and the caller is told why', async (t) => {
  const { send, pool } = await server(t)
  const form = { 'content-type': 'application/x-www-form-urlencoded' }
  const cases: readonly [object, number, RegExp][] = [
    [{ headers: { 'x-a': 'b\r\nc: d' } }, 400, /line break/],
    [
      { headers: Object.fromEntries(Array.from({ length: 1001 }, (_, at) => [`x${at}`, 'v'])) },
      431,
      /1001 headers/,
    ],
    [{ headers: form, body: `a${'[b]'.repeat(200)}=1` }, 400, /levels deep/],
    [{ headers: form, body: 'a=1&'.repeat(20_000) }, 400, /more than 10000 fields/],
    [{ headers: { 'content-type': 'multipart/form-data; boundary=X' }, body: '--X' }, 400, /cannot be read/],
  ]
  for (const [changes, status, text] of cases) {
    const { result } = await send(httpApiEvent({ method: 'POST', ...changes }))
    assert.equal(result?.statusCode, status)
    assert.match(result?.body ?? '', text)
  }
  const [worker] = await pool.workers()
  assert.equal(worker?.jobs, 0)
})

test('an event that is none of HTTP is an error of its own type', async (t) => {
  const { send } = await server(t)
  for (const event of [{}, { Records: [] }, { httpMethod: 7 }]) {
    const { error } = await send(event)
    assert.equal(error?.errorType, 'RR.BadEvent')
  }
})

test('told to answer before the first byte, a worker that begins later has nobody to stream to', async (t) => {
  const folder = await testFolder(t)
  const { pool, line } = await startPool(t, 'streams')
  await pool.booted
  let streams = 0
  const openStream = () => {
    streams += 1
    throw new Error('nobody is there')
  }
  const options = handlerOptions(pool, {
    mode: httpMode(defaults),
    openStream,
    split: { isSplit: false, fifo: 'group' },
  })
  const mark = join(folder, 'mark')
  const { run, ended } = startEvent(
    invocationOf(urlEvent({ rawPath: '/when', rawQueryString: mark })),
    options,
  )
  await line(/waiting/)
  run.answerNow()
  const answer = (await ended).answer
  assert.ok(answer.kind === 'error' && answer.error.errorType === 'RR.Stopped')
  await writeFile(mark, '')
  await pool.whenIdle()
  assert.equal(streams, 0)
})
