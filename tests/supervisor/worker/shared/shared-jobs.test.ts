/** Workers that run several jobs at once: whose answer counts, and what each limit and each end costs the others. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { hasCode, RelayError } from '../../../../src/core/errors.js'
import {
  fixtureCommand,
  job,
  startPool,
  type TestPool,
  type TestPoolOptions,
  textOf,
} from '../../../helpers/pool.js'
import { fixture } from '../../../helpers/project.js'
import { eventually } from '../../../helpers/wait.js'

type Step = readonly [context: string, body: string, how?: string]
/** A job that the fixture answers with these frames. */
const told = (...steps: readonly Step[]) => job(JSON.stringify(steps))
const own = '{"jobId":JOB}'
const numberOf = (id: number) => `{"jobId":${id}}`

async function start(
  t: TestContext,
  config: TestPoolOptions['config'] = {},
  concurrency = 10,
): Promise<TestPool> {
  const command = [process.execPath, fixture('sdk', 'several.mjs'), String(concurrency)]
  const started = await startPool(t, command, { config })
  await started.pool.whenIdle()
  return started
}

/** Starts a worker that answers by script. */
async function startScripted(t: TestContext, config: TestPoolOptions['config'] = {}): Promise<TestPool> {
  const started = await startPool(t, fixtureCommand('numbers', '10'), { config })
  await started.pool.whenIdle()
  return started
}

const pidsOf = async ({ pool }: Pick<TestPool, 'pool'>) => (await pool.workers()).map(({ pid }) => pid)
const warned = ({ log }: TestPool, text: RegExp) =>
  log.lines.filter(({ level, message }) => level === 'warn' && text.test(message))
const running = async ({ pool }: TestPool) => (await pool.workers()).map((worker) => worker.running)
const code = (expected: string) => (error: unknown) =>
  hasCode(error, expected as Parameters<typeof hasCode>[1])

test('answers come in any order, each to its own job', async (t) => {
  const { pool } = await startScripted(t)
  const order: string[] = []
  const runs = [
    told(),
    told(),
    told([own, 'three'], [numberOf(1), 'one'], [numberOf(2), 'two', 'error']),
  ].map((one) =>
    pool.run(one).then(
      (reply) => void order.push(textOf(reply)),
      (error: Error) => void order.push(error.message),
    ),
  )
  await Promise.all(runs)
  assert.deepEqual(order, ['three', 'one', 'two'])
})

test('a worker has as many places as it announced, and says how many of them are taken', async (t) => {
  const started = await start(t, {}, 3)
  const { pool } = started
  assert.deepEqual([pool.idleCount, pool.liveCount, pool.placeCount], [3, 1, 3])
  const runs = ['a', 'b', 'c', 'd'].map((name) => pool.run(job(`hold ${name}`)))
  await eventually(async () => (await running(started))[0] === 3)
  assert.deepEqual([pool.idleCount, pool.busyCount, pool.waitingCount], [0, 1, 1])
  const [info] = await pool.workers()
  assert.deepEqual([info?.state, info?.running, info?.places], ['busy', 3, 3])
  assert.notEqual(textOf(await pool.runAlone(job('pid'))), String(info?.pid))
  const opened = pool.run(job('open b'), { front: true }).catch(() => undefined)
  // All places are taken, and nobody can open a gate: only a limit can end this.
  assert.equal(pool.waitingCount, 2)
  pool.kill()
  await Promise.allSettled([...runs, opened])
})

test('the worker with the fewest jobs goes first', async (t) => {
  const started = await start(t, { num_workers: 2 })
  const { pool } = started
  await pool.booted
  const runs = ['a', 'b', 'c', 'd', 'e'].map((name) => pool.run(job(`hold ${name}`)))
  await eventually(async () => (await running(started)).reduce((sum, count) => sum + count, 0) === 5)
  assert.deepEqual((await running(started)).sort(), [2, 3])
  pool.kill()
  await Promise.allSettled(runs)
})

test('a second answer is dropped; the other jobs end with their own, then the worker is replaced', async (t) => {
  const started = await startScripted(t)
  const before = await pidsOf(started)
  const first = started.pool.run(told())
  const second = started.pool.run(told([own, 'once'], [own, 'twice'], [numberOf(1), 'mine']))
  assert.deepEqual([await first, await second].map(textOf), ['mine', 'once'])
  await eventually(async () => (await pidsOf(started)).every((pid) => !before.includes(pid)))
  const [line, ...more] = warned(started, /does not have/)
  assert.deepEqual([line?.fields.jobId, more], [2, []])
  assert.equal(textOf(await started.pool.run(told([own, 'next']))), 'next')
})

test('an answer with a number that no job has reaches nobody', async (t) => {
  const started = await startScripted(t)
  const first = started.pool.run(told())
  const second = started.pool.run(told([numberOf(99), 'whose'], [own, 'two'], [numberOf(1), 'one']))
  assert.deepEqual([await first, await second].map(textOf), ['one', 'two'])
  assert.equal(warned(started, /does not have/).length, 1)
})

for (const [name, step] of [
  ['an answer', ['', 'whose']],
  ['an error', ['', 'whose', 'text']],
] as const) {
  test(`${name} without a number fails all jobs that run, since it may be about any of them`, async (t) => {
    const { pool } = await startScripted(t)
    const ends = await Promise.allSettled([pool.run(told()), pool.run(told(step))])
    for (const end of ends) assert.ok(end.status === 'rejected' && hasCode(end.reason, 'RR_IPC_BAD_FRAME'))
    assert.equal(textOf(await pool.run(told([own, 'next']))), 'next')
  })
}

test('the death of a worker fails all of its jobs as crashed, and says that there were others', async (t) => {
  const { pool, line } = await start(t)
  const runs = ['hold a', 'hold b'].map((body) => pool.run(job(body, body)))
  await line(/holds b/)
  const ends = await Promise.allSettled([...runs, pool.run(job('die', 'die'))])
  for (const end of ends) {
    assert.ok(end.status === 'rejected' && end.reason instanceof RelayError)
    assert.equal(end.reason.code, 'RR_WORKER_CRASHED')
    assert.deepEqual([end.reason.details.exitCode, end.reason.details.sharedWith], [7, 2])
    // The lines of one job are not told to the callers of others.
    assert.match(end.reason.message, /exit code 7 before it answered job (hold a|hold b|die), and 2 others/)
    assert.doesNotMatch(end.reason.message, /holds/)
  }
  assert.equal(textOf(await pool.run(job('wait 1'))), '1')
})

test('a job over its limit is cancelled; the others and the worker go on', async (t) => {
  const started = await start(t)
  const { pool, line } = started
  const before = await pidsOf(started)
  const other = pool.run(job('hold a'))
  await assert.rejects(pool.run(job('hang', 'slow'), { execTtlMs: 150 }), code('RR_WORKER_TIMEOUT'))
  await line(/is cancelled/)
  await eventually(() => pool.idleCount === 9)
  await pool.run(job('open a'))
  assert.equal(textOf(await other), 'a')
  await eventually(() => pool.idleCount === 10)
  assert.deepEqual(await pidsOf(started), before)
  const [tagged] = started.lines.filter(({ text }) => /is cancelled/.test(text))
  assert.equal(tagged?.job, 'slow')
})

test('a job that its caller gives up is cancelled; the others go on', async (t) => {
  const { pool, line } = await start(t)
  const other = pool.run(job('hold a'))
  const caller = new AbortController()
  const given = pool.run(job('hang'), { signal: caller.signal })
  await line(/hangs/)
  caller.abort()
  await assert.rejects(given, code('RR_JOB_ABORTED'))
  await line(/is cancelled/)
  await pool.run(job('open a'))
  assert.equal(textOf(await other), 'a')
})

test('a worker that does not end a cancelled job is replaced once the others have ended', async (t) => {
  const started = await start(t, { num_workers: 1 })
  const { pool } = started
  const [before] = await pidsOf(started)
  const other = pool.run(job('hold a'))
  await started.line(/holds a/)
  await assert.rejects(pool.run(job('deaf'), { execTtlMs: 100 }), code('RR_WORKER_TIMEOUT'))
  // Its successor is there before it has gone.
  await eventually(async () => (await pidsOf(started)).length === 2)
  const old = (await pool.workers()).find(({ pid }) => pid === before)
  assert.deepEqual([old?.state, old?.why, old?.running], ['draining', 'uncancelled', 1])
  assert.equal(warned(started, /did not end when it was cancelled/).length, 1)
  await assert.rejects(pool.run(job('deaf'), { execTtlMs: 100 }), code('RR_WORKER_TIMEOUT'))
  pool.kill()
  await assert.rejects(other, code('RR_POOL_STOPPED'))
})

test('a worker without the feature cancel is replaced at once, after its other jobs', async (t) => {
  const started = await startScripted(t)
  const [before] = await pidsOf(started)
  const late = started.pool.run(told(), { execTtlMs: 100 })
  const other = started.pool.run(told(['', '400', 'block'], [own, 'done']))
  await assert.rejects(late, code('RR_WORKER_TIMEOUT'))
  assert.equal(textOf(await other), 'done')
  await eventually(async () => !(await pidsOf(started)).includes(before ?? 0))
})

test('other jobs of a worker that does not cancel have destroy_timeout, then fail as late ones', async (t) => {
  const started = await start(t, { destroy_timeout: 200 })
  const other = started.pool.run(job('hold a'))
  await assert.rejects(started.pool.run(job('deaf'), { execTtlMs: 100 }), code('RR_WORKER_TIMEOUT'))
  await assert.rejects(other, /another of its jobs did not end/)
  assert.equal(textOf(await started.pool.run(job('wait 1'))), '1')
})

test('a pool that stops lets all running jobs of a worker end', async (t) => {
  const started = await start(t)
  const runs = ['wait 150', 'wait 250'].map((body) => started.pool.run(job(body)))
  await eventually(async () => (await running(started))[0] === 2)
  const stopped = started.pool.stop(5000)
  await assert.rejects(started.pool.run(job('wait 1')), code('RR_POOL_STOPPED'))
  assert.deepEqual((await Promise.all(runs)).map(textOf), ['150', '250'])
  await stopped
  assert.equal(started.log.lines.filter(({ message }) => /killed/.test(message)).length, 0)
})

test('a reset replaces a worker once its jobs have ended', async (t) => {
  const started = await start(t)
  const [before] = await pidsOf(started)
  const run = started.pool.run(job('wait 300'))
  await eventually(async () => (await running(started))[0] === 1)
  await started.pool.reset()
  assert.equal(textOf(await run), '300')
  assert.ok(!(await pidsOf(started)).includes(before ?? 0))
})

test('max_jobs counts the jobs that are sent, however many run at once', async (t) => {
  const started = await start(t, { max_jobs: 3 })
  const { pool } = started
  const pids = await Promise.all(Array.from({ length: 9 }, () => pool.run(job('pid'))))
  const counts = new Map<string, number>()
  for (const pid of pids.map(textOf)) counts.set(pid, (counts.get(pid) ?? 0) + 1)
  assert.deepEqual([...counts.values()], [3, 3, 3])
})

test('a worker that answers and leaves, or asks to stop, first ends its other jobs', async (t) => {
  for (const [body, expected] of [
    ['leave x', 'x'],
    ['stop', 'RR_JOB_FAILED'],
  ] as const) {
    const { pool, line } = await start(t)
    const other = pool.run(job('wait 400'))
    const held = pool.run(job('hold a'))
    held.catch(() => undefined)
    await line(/holds a/)
    const end = await pool.run(job(body)).then(textOf, (error: RelayError) => error.code)
    assert.equal(end, expected)
    assert.equal(textOf(await other), '400')
    pool.kill()
  }
})

test('a job that runs alone waits for the others, and those that come later wait for it', async (t) => {
  const started = await start(t)
  const { pool, line } = started
  const first = pool.run(job('wait 200'))
  await eventually(async () => (await running(started))[0] === 1)
  const alone = pool.run(job('hold a'), { isAlone: true, execTtlMs: 300 })
  await eventually(() => pool.idleCount === 0)
  let isSecondDone = false
  const second = pool.run(job('wait 1')).then(() => {
    isSecondDone = true
  })
  assert.equal(textOf(await first), '200')
  await line(/holds a/)
  assert.deepEqual([(await running(started))[0], isSecondDone], [1, false])
  await assert.rejects(alone, code('RR_WORKER_TIMEOUT'))
  await second
})

test('frames of several streams are not mixed up', async (t) => {
  const { pool } = await start(t)
  const streams = await Promise.all(
    ['a', 'b', 'c'].map(async (name) => {
      const pieces: string[] = []
      const last = await pool.run(job(`pieces ${name}`), {
        onChunk: (chunk) => void pieces.push(textOf(chunk)),
      })
      return [...pieces, textOf(last)].join('')
    }),
  )
  assert.deepEqual(streams, ['a in pieces', 'b in pieces', 'c in pieces'])
})

test('a stream that does not end when its reader has gone fails alone; the other jobs go on', async (t) => {
  const { pool } = await start(t, { stream_timeout: 50 })
  const other = pool.run(job('hold a'))
  const gone = new AbortController()
  const onChunk = () => gone.abort()
  await assert.rejects(
    pool.run(job('endless x'), { onChunk, stopStream: gone.signal }),
    /did not end the stream of/,
  )
  await pool.run(job('open a'))
  assert.equal(textOf(await other), 'a')
})

test('a line of the SDK carries its job; a plain one only while no other job runs', async (t) => {
  const started = await start(t)
  const { pool, line } = started
  const logs = ['a', 'b'].map((name) => pool.run(job(`log ${name}`, `job ${name}`)))
  await line(/before b/)
  await pool.run(job('print among others', 'job p'))
  await pool.run(job('open b'))
  await pool.run(job('open a'))
  await Promise.all(logs)
  await pool.run(job('print alone', 'job q'))
  const jobOf = (text: RegExp) => started.lines.find((one) => text.test(one.text))?.job
  for (const name of ['a', 'b'])
    for (const when of ['before', 'after'])
      assert.equal(jobOf(new RegExp(`${when} ${name}`)), `job ${name}`, `${when} ${name}`)
  assert.deepEqual([jobOf(/among others/), jobOf(/alone/)], [undefined, 'job q'])
  for (const { text } of started.lines) assert.doesNotMatch(text, /jobId/)
})

test('code that was not handed its context finds it', async (t) => {
  const { pool } = await start(t)
  const runs = ['a', 'b'].map((name) =>
    pool.run({ ...job(`context ${name}`), context: `{"name":"${name}"}` }),
  )
  for (const name of ['b', 'a']) await pool.run(job(`open ${name}`))
  assert.deepEqual((await Promise.all(runs)).map(textOf), ['{"name":"a"}', '{"name":"b"}'])
})

test('an exception fails its own job only', async (t) => {
  const { pool } = await start(t)
  const other = pool.run(job('wait 100'))
  await assert.rejects(pool.run(job('throw')), /told to/)
  assert.equal(textOf(await other), '100')
})
