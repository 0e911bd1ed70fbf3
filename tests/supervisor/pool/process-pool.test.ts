import assert from 'node:assert/strict'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { hasCode } from '../../../src/core/errors.js'
import { fixtureCommand, isAlive, job, poolDefaults, startPool, textOf } from '../../helpers/pool.js'
import { eventually } from '../../helpers/wait.js'

const relays = ['auto', 'fifo', 'pipes', 'unix://FOLDER/relay.sock', 'tcp://127.0.0.1:0']

async function pids(t: { pool: { workers(): Promise<readonly { pid: number }[]> } }): Promise<number[]> {
  return (await t.pool.workers()).map((worker) => worker.pid)
}

test('nobody waits longer than allocate_timeout', async (t) => {
  const { pool } = await startPool(t, 'echo', { config: { allocate_timeout: 2_000 } })
  await pool.booted
  const lease = await pool.acquire()
  await assert.rejects(pool.acquire(), (error) => hasCode(error, 'RR_POOL_NO_WORKERS'))
  lease.release()
})

for (const relay of relays) {
  test(`over ${relay} a worker boots, works, dies and is replaced`, async (t) => {
    const { pool } = await startPool(t, fixtureRelayWorker(), { relay })
    assert.equal(textOf(await pool.run(job('hello'))), 'hello')
    const [before] = await pids({ pool })
    assert.ok(before)
    process.kill(before, 'SIGKILL')
    await eventually(async () => !(await pids({ pool })).includes(before))
    assert.equal(textOf(await pool.run(job('again'))), 'again')
  })
}

for (const relay of ['fifo', 'pipes']) {
  test(`over ${relay} the fault of a failed boot holds what the worker wrote before it ended`, async (t) => {
    const command = ['sh', '-c', 'echo last words; exit 1']
    const { pool, host, log } = await startPool(t, command, { relay, config: { num_workers: 20 } })
    await pool.booted
    await host.stop(0)
    const faults = log.lines.filter(({ message }) => message.startsWith('a worker did not boot'))
    assert.ok(faults.length > 0)
    for (const { fields } of faults) assert.match(String(fields.error), /last words/)
  })
}

function fixtureRelayWorker(): readonly string[] {
  return fixtureCommand('relay-echo')
}

const crashes: readonly [fixture: string, code: string, says: RegExp][] = [
  ['exits-zero', 'RR_WORKER_CRASHED', /exit code 0 before it answered.*leaving without a word/],
  ['junk-answer', 'RR_IPC_BAD_FRAME', /not a frame.*Warning: this is no frame/],
  ['no-option', 'RR_IPC_BAD_FRAME', /0 options instead of 1/],
  ['soft-error', 'RR_JOB_FAILED', /^failed: job$/],
]
for (const [name, code, says] of crashes) {
  test(`the worker ${name} fails its job with ${code} and the next job is served`, async (t) => {
    const { pool } = await startPool(t, name)
    for (const round of [1, 2]) {
      await assert.rejects(pool.run(job('job')), (error: Error) => {
        assert.ok(hasCode(error, code as 'RR_JOB_FAILED'), `round ${round}: ${error.message}`)
        assert.match(error.message, says)
        return true
      })
    }
  })
}

test('stray output before an answer is logged as the worker’s and the answer counts', async (t) => {
  const { pool, line } = await startPool(t, 'junk-first')
  assert.equal(textOf(await pool.run(job('body', 'job-1'))), 'body')
  assert.equal((await line(/stray output/)).job, 'job-1')
})

test('stray output without an end of line is logged when its job is over', async (t) => {
  const { pool, line } = await startPool(t, 'junk-unended')
  await pool.run(job('body', 'job-1'))
  assert.equal((await line(/^no end of line$/)).job, 'job-1')
})

test('an answer that nobody asked for costs the worker and reaches no other job', async (t) => {
  const { pool } = await startPool(t, 'answers-twice')
  for (let round = 0; round < 5; round += 1) assert.equal(textOf(await pool.run(job('?'))), 'one')
})

test('an answer that comes with the worker’s end counts', async (t) => {
  const { pool } = await startPool(t, 'answers-and-exits')
  for (let round = 0; round < 3; round += 1) {
    await pool.whenIdle()
    const before = await pids({ pool })
    assert.equal(textOf(await pool.run(job('?'))), 'last words')
    await eventually(async () => !(await pids({ pool })).some((pid) => before.includes(pid)))
  }
})

test('a child that a dead worker left is killed, and the job fails although it holds the relay', async (t) => {
  const { pool, line } = await startPool(t, 'forks-child')
  await assert.rejects(pool.run(job('?')), (error) => hasCode(error, 'RR_WORKER_CRASHED'))
  const child = Number((await line(/^child \d+/)).text.split(' ')[1])
  await eventually(() => !isAlive(child))
})

test('a job that overruns exec_ttl costs its worker, and its late answer reaches nobody', async (t) => {
  const config = {
    supervisor: { ...poolDefaults.supervisor, exec_ttl: 300 },
  }
  const { pool } = await startPool(t, 'late', { config })
  await assert.rejects(pool.run(job('600000')), (error: Error) => {
    assert.ok(hasCode(error, 'RR_WORKER_TIMEOUT'))
    assert.match(error.message, /exec_ttl was 300 ms/)
    return true
  })
  assert.equal(textOf(await pool.run(job('0'))), 'late')
})

test('a job that overruns its own deadline costs its worker, even in a processor loop', async (t) => {
  const { pool } = await startPool(t, 'cpu-loop')
  await pool.booted
  const [before] = await pids({ pool })
  const late = pool.run(job('?'), { deadlineMs: Date.now() + 500 })
  await assert.rejects(late, (error) => hasCode(error, 'RR_WORKER_TIMEOUT'))
  await eventually(() => before !== undefined && !isAlive(before))
})

test('the caller of a job hears its worker’s lines of that job, and none of another caller’s', async (t) => {
  const { pool, line } = await startPool(t, 'says-then-dies')
  await pool.run(job('somebody else’s'))
  await line(/heard somebody else/)
  await assert.rejects(pool.run(job('die')), (error: Error) => {
    assert.match(error.message, /exit code 3.*its last lines: heard die$/)
    return true
  })
})

test('a worker that asks to leave instead of answering is replaced and the job goes on', async (t) => {
  const mark = join(tmpdir(), `rr-self-stop-${process.pid}-${Date.now()}`)
  const { pool } = await startPool(t, fixtureCommand('self-stop', mark))
  await pool.booted
  const before = await pids({ pool })
  assert.equal(textOf(await pool.run(job('served'))), 'served')
  assert.notDeepEqual(
    (await pool.workers()).filter((one) => one.state === 'idle').map((one) => one.pid),
    before,
  )
  const { rm } = await import('node:fs/promises')
  await rm(mark)
})

test('a worker that ends before the PID reply is tried again, with its last lines told', async (t) => {
  const { pool, log } = await startPool(t, 'fails-boot')
  const [boot] = await pool.booted
  assert.match(boot?.fault?.message ?? '', /exit code 3.*cannot reach the database/)
  assert.deepEqual(boot?.lastLines, ['cannot reach the database'])
  await eventually(() => log.lines.some((line) => line.fields.tries === 2))
})

test('the fault of a worker that throws at its start says what it threw, whatever stack comes behind', async (t) => {
  const deep = `const f = (n) => { if (n === 0) throw new Error('no such table'); f(n - 1); }; f(20)`
  const { pool } = await startPool(t, [process.execPath, '-e', deep])
  const [boot] = await pool.booted
  assert.match(boot?.fault?.message ?? '', /Error: no such table \|/)
  assert.doesNotMatch(boot?.fault?.message ?? '', /node:internal|Node\.js v/)
})

test('a worker that never answers the PID request is given allocate_timeout', async (t) => {
  const { pool } = await startPool(t, 'silent-pid', { config: { allocate_timeout: 1500 } })
  const [boot] = await pool.booted
  assert.ok(boot?.fault)
  assert.deepEqual(boot.lastLines, ['silent'])
})

test('a program that does not exist is named with the places that were looked at', async (t) => {
  const { pool } = await startPool(t, ['no-such-program-anywhere'])
  const [boot] = await pool.booted
  assert.match(boot?.fault?.message ?? '', /"no-such-program-anywhere" is not on PATH/)
})

test('a stop lets the running job end and leaves no process', async (t) => {
  const { pool, host } = await startPool(t, 'late', { config: { num_workers: 2 } })
  await pool.booted
  const before = await pids({ pool })
  const running = pool.run(job('300'))
  await eventually(async () => (await pool.workers()).some((worker) => worker.state === 'busy'))
  await host.stop(0)
  assert.equal(textOf(await running), 'late')
  assert.deepEqual(before.filter(isAlive), [])
  await assert.rejects(pool.run(job('0')), (error) => hasCode(error, 'RR_POOL_STOPPED'))
})

test('a worker that ignores the stop frame is killed after destroy_timeout', async (t) => {
  const { pool, host, line } = await startPool(t, 'ignores-stop', { config: { destroy_timeout: 400 } })
  await pool.booted
  const before = await pids({ pool })
  const stopped = host.stop(0)
  await line(/not leaving/)
  await stopped
  assert.deepEqual(before.filter(isAlive), [])
})

test('a job that outlasts a reset or a stop fails with the limit that ended it', async (t) => {
  const { pool, host, line, log } = await startPool(t, 'sleeps', {
    config: { reset_timeout: 300, destroy_timeout: 300 },
  })
  await pool.booted
  const first = pool.run(job('1', 'j1'))
  await line(/sleeping/)
  const lost = assert.rejects(first, (error) => {
    assert.match(String(error), /job j1.* 300 ms that reset_timeout left/)
    return hasCode(error, 'RR_WORKER_TIMEOUT')
  })
  await pool.reset()
  await lost
  assert.ok(
    log.lines.some(
      ({ message, level }) => level === 'warn' && /longer than the limit to leave/.test(message),
    ),
  )
  const second = pool.run(job('1', 'j2'))
  await eventually(async () => (await pool.workers()).some(({ state }) => state === 'busy'))
  const stopped = host.stop(0)
  await assert.rejects(second, (error) => {
    assert.match(String(error), /job j2.*destroy_timeout/)
    return hasCode(error, 'RR_POOL_STOPPED')
  })
  await stopped
})

test('a stop while workers boot leaves none', async (t) => {
  const { pool, host, line } = await startPool(t, 'silent-pid', { config: { num_workers: 3 } })
  await line(/silent/)
  await host.stop(0)
  assert.deepEqual(await pool.workers(), [])
})

test('a stopped worker (SIGSTOP) is killed when its job is late', async (t: TestContext) => {
  const { pool } = await startPool(t, 'echo')
  await pool.booted
  const [pid] = await pids({ pool })
  assert.ok(pid)
  process.kill(pid, 'SIGSTOP')
  await assert.rejects(pool.run(job('?'), { deadlineMs: Date.now() + 400 }), (error) =>
    hasCode(error, 'RR_WORKER_TIMEOUT'),
  )
  await eventually(() => !isAlive(pid))
})

test('/dev/stderr can be opened by its path', async (t) => {
  const { pool, line } = await startPool(t, 'stderr-by-path')
  await pool.run(job('x', 'job-7'))
  assert.equal((await line(/by path/)).job, 'job-7')
})
