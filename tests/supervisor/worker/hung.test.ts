import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hasCode } from '../../../src/core/errors.js'
import { isAlive, job, poolDefaults, startPool, type TestPool, textOf } from '../../helpers/pool.js'
import { fixture, missing } from '../../helpers/project.js'
import { eventually } from '../../helpers/wait.js'

const limited = (exec_ttl: number, changes: Partial<typeof poolDefaults.supervisor> = {}) => ({
  supervisor: { ...poolDefaults.supervisor, exec_ttl, ...changes },
})
const hangs = {
  node: [process.execPath, '--trace-sigint', fixture('sdk', 'hangs.mjs')],
  php: ['php', fixture('sdk', 'hangs.php')],
  python: ['python3', fixture('sdk', 'hangs.py')],
}
const node = [process.execPath, fixture('sdk', 'hangs.mjs')]

/** Waits for a line of the server's log. */
async function logged({ log }: TestPool, message: string): Promise<Record<string, unknown>> {
  const find = () => log.lines.find((line) => line.message === message)
  await eventually(() => find() !== undefined)
  const { level, fields } = find() ?? assert.fail()
  return { level, ...fields }
}

const isLate = (says: RegExp) => (error: Error) => {
  assert.ok(hasCode(error, 'RR_WORKER_TIMEOUT'), error.message)
  assert.match(error.message, says)
  return true
}

const idle = /the event loop is idle/
// A signal would end PHP's waits early, so it is asked when its time is up: the log then has what the warning lacks.
const cases: readonly [language: keyof typeof hangs, way: string, seen: RegExp | undefined][] = [
  ['python', 'spin', /in spins_forever/],
  ['python', 'sleep', /in sleeps_long/],
  ['python', 'read', /in reads_forever/],
  ['php', 'spin', undefined],
  ['php', 'sleep', undefined],
  // PHP takes a signal between two opcodes, and a blocked read is within one.
  ['php', 'read', undefined],
  ['node', 'spin', undefined],
  ['node', 'sleep', idle],
  ['node', 'read', idle],
]
const programs = { node: undefined, php: 'php', python: 'python3' } as const

for (const [language, way, seen] of cases) {
  const program = programs[language]
  test(`a hung ${language} worker (${way}) is warned of at 80 %, shows its stack, and is replaced`, {
    skip: program === undefined ? false : missing(program),
  }, async (t) => {
    const started = await startPool(t, hangs[language], { config: limited(2000) })
    const { pool, lines } = started
    await pool.booted
    const [before] = await pool.workers()
    const hung = pool.run({ ...job(way, 'job-1'), tags: { requestId: 'r-1' } })
    const failed = assert.rejects(hung, isLate(seen === undefined ? /exec_ttl was 2000 ms$/ : seen))
    const { level, ranMs, stack, ...fields } = await logged(started, 'a job has used 80 % of its time')
    const expected = { pool: 'test', pid: before?.pid, job: 'job-1', requestId: 'r-1', limitMs: 2000 }
    assert.deepEqual([level, fields], ['warn', expected])
    assert.ok(Number(ranMs) >= 1600, String(ranMs))
    if (seen === undefined) assert.equal(stack, undefined)
    else assert.match(String(stack), seen)
    await failed
    assert.equal(textOf(await pool.run(job('next'))), 'next')
    await eventually(() => before !== undefined && !isAlive(before.pid))
    const where = lines.filter((line) =>
      (seen ?? /at spinsForever|in spins_forever|in sleeps_long/).test(line.text),
    )
    assert.equal(where.length > 0, language !== 'php' || way !== 'read')
    assert.deepEqual(
      where.map((line) => [line.job, line.tags?.requestId]),
      where.map(() => ['job-1', 'r-1']),
    )
  })
}

test('a sleep of PHP that uses most of its time is not cut short', { skip: missing('php') }, async (t) => {
  const started = await startPool(t, hangs.php, { config: limited(4000) })
  const slept = started.pool.run(job('nap 3.6'))
  await logged(started, 'a job has used 80 % of its time')
  assert.equal(textOf(await slept), 'left: 0')
})

test('a worker in a processor loop of JavaScript ends with its limit although it cannot say where it is', async (t) => {
  const started = await startPool(t, node, { config: limited(300) })
  await assert.rejects(started.pool.run(job('spin')), isLate(/exec_ttl was 300 ms$/))
  assert.equal(textOf(await started.pool.run(job('next'))), 'next')
})

test('a worker whose job ran out of time may end in its own way on SIGTERM', async (t) => {
  const started = await startPool(t, node, { config: limited(300), env: { TERM_FIXTURE: 'ends' } })
  await assert.rejects(started.pool.run(job('sleep', 'job-1')), isLate(/exec_ttl was 300 ms/))
  assert.equal((await started.line(/told to go/)).job, 'job-1')
  const { code, signal, why } = await logged(started, 'worker was killed')
  assert.deepEqual([code, signal, why], [0, null, 'exec_ttl'])
})

test('a worker that is deaf to SIGTERM gets SIGKILL, and its successor does not wait for that', async (t) => {
  const config = limited(300, { kill_grace: 20_000 })
  const started = await startPool(t, node, { config, env: { TERM_FIXTURE: 'deaf' } })
  const { pool } = started
  await assert.rejects(pool.run(job('sleep')), isLate(/exec_ttl was 300 ms/))
  await started.line(/deaf to it/)
  assert.equal(textOf(await pool.run(job('next'))), 'next')
  const old = (await pool.workers()).find((worker) => worker.state === 'killing')
  assert.equal(old?.why, 'exec_ttl')
  pool.kill()
  assert.equal((await logged(started, 'worker was killed')).signal, 'SIGKILL')
})

test('SIGKILL follows SIGTERM when the grace is over', async (t) => {
  const config = limited(300, { kill_grace: 300 })
  const started = await startPool(t, node, { config, env: { TERM_FIXTURE: 'deaf' } })
  await assert.rejects(started.pool.run(job('sleep')), isLate(/exec_ttl was 300 ms/))
  await started.line(/deaf to it/)
  assert.equal((await logged(started, 'worker was killed')).signal, 'SIGKILL')
})

test('without a grace a worker whose job ran out of time gets SIGKILL at once', async (t) => {
  const config = limited(300, { kill_grace: 0 })
  const started = await startPool(t, node, { config, env: { TERM_FIXTURE: 'ends' } })
  await assert.rejects(started.pool.run(job('sleep')), isLate(/exec_ttl was 300 ms/))
  assert.equal((await logged(started, 'worker was killed')).signal, 'SIGKILL')
  assert.ok(!started.lines.some((line) => /told to go/.test(line.text)))
})

test('a worker that announced no stack is not signalled, and the children of its group go with it', async (t) => {
  const started = await startPool(t, 'keeps-child', { config: limited(500) })
  const late = assert.rejects(
    started.pool.run(job('?')),
    isLate(/exec_ttl was 500 ms; its last lines: child \d+$/),
  )
  const child = Number((await started.line(/^child \d+/)).text.split(' ')[1])
  await logged(started, 'a job has used 80 % of its time')
  await late
  assert.equal((await logged(started, 'worker was killed')).signal, 'SIGTERM')
  await eventually(() => !isAlive(child))
})

test('a job has a limit of its own, and the shorter one counts', async (t) => {
  const { pool } = await startPool(t, 'late', { config: limited(5000) })
  await assert.rejects(pool.run(job('600000'), { execTtlMs: 200 }), isLate(/exec_ttl was 200 ms/))
  const unlimited = await startPool(t, 'late')
  await assert.rejects(unlimited.pool.run(job('600000'), { execTtlMs: 200 }), isLate(/exec_ttl was 200 ms/))
  const short = await startPool(t, 'late', { config: limited(200) })
  await assert.rejects(short.pool.run(job('600000'), { execTtlMs: 9000 }), isLate(/exec_ttl was 200 ms/))
})

test('a job that is warned of before its deadline may still answer', async (t) => {
  const started = await startPool(t, 'late')
  const running = started.pool.run(job('2600'), { deadlineMs: Date.now() + 60_000, execTtlMs: 3000 })
  await logged(started, 'a job has used 80 % of its time')
  assert.equal(textOf(await running), 'late')
})
