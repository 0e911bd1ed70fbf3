/** Workers that end by themselves: they come to the end that they chose, and are told of by it. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { hasCode } from '../../../src/core/errors.js'
import {
  fixtureCommand,
  isAlive,
  job,
  poolDefaults,
  startPool,
  type TestPool,
  textOf,
} from '../../helpers/pool.js'
import { eventually } from '../../helpers/wait.js'

async function start(t: TestContext, command: string | readonly string[], killGraceMs = 60_000) {
  const config = { supervisor: { ...poolDefaults.supervisor, kill_grace: killGraceMs } }
  const started = await startPool(t, command, { config })
  await started.pool.whenIdle()
  return started
}

const endOf = async ({ log }: TestPool) => {
  const isEnd = ({ fields }: { fields: object }) => 'signal' in fields && 'why' in fields
  await eventually(() => log.lines.some(isEnd))
  const line = log.lines.find(isEnd)
  return { message: line?.message, why: line?.fields.why, code: line?.fields.code }
}

test('a worker that closes its relay and ends is told of by its own end, whatever runs before it', async (t) => {
  const started = await start(t, 'ends-slowly')
  await assert.rejects(started.pool.run(job('3 100', 'job-1')), (error: Error) => {
    assert.ok(hasCode(error, 'RR_WORKER_CRASHED'))
    assert.match(error.message, /ended with exit code 3 before it answered job job-1.*flushed at exit/)
    return true
  })
  assert.deepEqual(await endOf(started), { message: 'worker ended by itself', why: 'ended', code: 3 })
})

test('a worker that closes its relay and does not end is killed after kill_grace, and that is what is told', async (t) => {
  const started = await start(t, 'ends-slowly', 50)
  await assert.rejects(
    started.pool.run(job('0 600000')),
    /closed its relay, did not end within 50 ms and was killed/,
  )
  assert.equal((await endOf(started)).why, 'relay_lost')
})

test('the deadline of the job and a stop of the pool do not wait for that grace', async (t) => {
  const { pool, log } = await start(t, 'ends-slowly')
  const late = pool.run(job('0 600000'), { deadlineMs: Date.now() + 200 })
  await assert.rejects(late, (error) => hasCode(error, 'RR_WORKER_TIMEOUT'))
  const running = pool.run(job('0 600000'))
  await eventually(async () => (await pool.workers()).some(({ state }) => state === 'killing'))
  pool.kill()
  await assert.rejects(running, (error) => hasCode(error, 'RR_POOL_STOPPED'))
  await eventually(async () => (await pool.workers()).length === 0)
  assert.deepEqual(
    log.lines.filter(({ level }) => level === 'error'),
    [],
  )
})

const pythonWorker = `
import atexit, os, struct, sys, time, zlib
def frame(flags, options, payload):
    head = struct.pack('<BBI', 0x10 | 3 + len(options), flags, len(payload))
    return head + struct.pack(f'<I2x{len(options)}I', zlib.crc32(head), *options) + payload
def flush():
    time.sleep(0.05)
    print('flushed at exit', file=sys.stderr)
atexit.register(flush)
while True:
    head = sys.stdin.buffer.read(12)
    if len(head) < 12: sys.exit(0)
    rest = sys.stdin.buffer.read(((head[0] & 15) - 3) * 4 + struct.unpack_from('<I', head, 2)[0])
    if head[1] & 1:
        sys.stdout.buffer.write(frame(1, [], b'{"pid":%d}' % os.getpid()))
        sys.stdout.buffer.flush()
        continue
    exec(sys.argv[1])
`

test('Python’s ways out of a handler are told as they are, and its hooks run', async (t) => {
  for (const [code, says] of [
    ['sys.exit(3)', /exit code 3 .*flushed at exit/],
    ['raise KeyboardInterrupt()', /(exit code 1|SIGINT) .*KeyboardInterrupt.*flushed at exit/],
    ['sys.stdout.close(); sys.stdin.close(); sys.exit(4)', /exit code 4 .*flushed at exit/],
  ] as const) {
    const { pool } = await start(t, ['python3', '-c', pythonWorker, code])
    await assert.rejects(pool.run(job('?')), says)
  }
})

test('an answer that was streamed whole before its worker ended counts, however slowly it is taken', async (t) => {
  const { pool } = await start(t, fixtureCommand('streams-and-exits'))
  const [{ pid } = { pid: 0 }] = await pool.workers()
  const taken: string[] = []
  const hold: (() => void)[] = []
  const onChunk = (chunk: { readonly body: Uint8Array }) => {
    taken.push(textOf(chunk).slice(0, 1))
    return new Promise<void>((resolve) => void hold.push(resolve))
  }
  const running = pool.run(job('?'), { onChunk })
  for (let at = 0; at < 8; at += 1) {
    await eventually(() => hold.length > at)
    // What the pipe still holds is read although the worker has gone.
    if (at === 7) await eventually(() => !isAlive(pid))
    hold[at]?.()
  }
  assert.equal(textOf(await running), 'last')
  assert.equal(taken.join(''), '01234567')
})
