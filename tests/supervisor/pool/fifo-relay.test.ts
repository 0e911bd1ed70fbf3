/** Workers whose standard input and output are named pipes: what they find there, and that nothing of it is left over. */
import assert from 'node:assert/strict'
import { readdirSync, readlinkSync } from 'node:fs'
import { test } from 'node:test'
import { hasCode } from '../../../src/core/errors.js'
import { fixtureCommand, isAlive, job, startPool, type TestPool, textOf } from '../../helpers/pool.js'
import { eventually } from '../../helpers/wait.js'

/** Kind of the descriptors 0 and 1 of a process: `pipe` for named pipes, `socket` for socket pairs. */
function kindsOf(pid: number): readonly string[] {
  return [0, 1].map((fd) => {
    const target = readlinkSync(`/proc/${pid}/fd/${fd}`)
    return target.startsWith('socket:')
      ? 'socket'
      : /\/fifo-[\d-]+ \(deleted\)$/.test(target)
        ? 'pipe'
        : target
  })
}

async function onlyWorker(pool: TestPool['pool']): Promise<number> {
  await eventually(async () => (await pool.workers()).some(({ state }) => state === 'idle'))
  const [worker] = await pool.workers()
  assert.ok(worker)
  return worker.pid
}

for (const [relay, kind] of [
  ['auto', 'pipe'],
  ['fifo', 'pipe'],
  ['pipes', 'socket'],
] as const) {
  test(`with relay: ${relay} a worker has RR_RELAY=pipes and ${kind}s as standard input and output`, async (t) => {
    const { pool } = await startPool(t, 'tells-process', { relay })
    const told: unknown = JSON.parse(textOf(await pool.run(job('?'))))
    assert.ok(typeof told === 'object' && told !== null && 'env' in told)
    assert.equal(Object(told.env).RR_RELAY, 'pipes')
    assert.deepEqual(kindsOf(await onlyWorker(pool)), [kind, kind])
  })
}

test('a worker behind a shell that stays its parent works over named pipes', async (t) => {
  const [node = '', script = ''] = fixtureCommand('relay-echo')
  const { pool } = await startPool(t, ['bash', '-c', `"${node}" "${script}"; true`], { relay: 'fifo' })
  for (const body of ['', 'x', 'y'.repeat(6_000_000)]) assert.equal(textOf(await pool.run(job(body))), body)
})

test('descriptors and FIFOs of workers that die, fail to boot or are reset are all closed and removed', async (t) => {
  const { pool, folder } = await startPool(t, 'dies-of-body', { relay: 'fifo' })
  const failing = await startPool(t, 'fails-boot', { relay: 'fifo' })
  await failing.pool.booted
  await onlyWorker(pool)
  const open = () => readdirSync('/proc/self/fd').length
  const before = open()
  for (let round = 0; round < 5; round += 1) {
    await assert.rejects(pool.run(job('die')), (error) => hasCode(error, 'RR_WORKER_CRASHED'))
    await onlyWorker(pool)
    await pool.reset()
    await failing.pool.reset().catch(() => undefined)
  }
  await failing.host.stop(0)
  await onlyWorker(pool)
  // The failing pool held at most those of one boot when it was counted.
  await eventually(() => open() <= before)
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.startsWith('fifo-')),
    [],
  )
})

test('a boot that cannot start its program leaves no descriptor', async (t) => {
  const { pool, host } = await startPool(t, ['no-such-program-anywhere'], { relay: 'fifo' })
  await pool.booted
  await host.stop(0)
  assert.deepEqual(fifosOf('/proc/self/fd'), [])
})

/** Targets of the descriptors in a folder of /proc that are named pipes of ours. */
function fifosOf(folder: string): readonly string[] {
  return readdirSync(folder).flatMap((fd) => {
    try {
      const target = readlinkSync(`${folder}/${fd}`)
      return target.includes('/fifo-') ? [target] : []
    } catch {
      // The descriptor that listed the folder.
      return []
    }
  })
}

test('a worker that reads nothing is killed when its job is late, whatever still waits for it', async (t) => {
  const { pool } = await startPool(t, 'echo', { relay: 'fifo' })
  const pid = await onlyWorker(pool)
  process.kill(pid, 'SIGSTOP')
  const late = pool.run(job('z'.repeat(6_000_000)), { deadlineMs: Date.now() + 400 })
  await assert.rejects(late, (error) => hasCode(error, 'RR_WORKER_TIMEOUT'))
  await eventually(() => !isAlive(pid))
  assert.equal(textOf(await pool.run(job('next'))), 'next')
})

test('a worker holds the three FIFOs of its own and no end of another worker’s', async (t) => {
  const { pool } = await startPool(t, 'echo', { relay: 'fifo', config: { num_workers: 3 } })
  await pool.booted
  const held = (await pool.workers()).flatMap(({ pid }) => {
    const own = fifosOf(`/proc/${pid}/fd`)
    assert.deepEqual([own.length, new Set(own).size], [3, 3])
    return own
  })
  assert.equal(new Set(held).size, 9)
})

test('without mkfifo, relay: fifo fails the boot with the reason, and auto warns and uses sockets', async (t) => {
  // mkfifo is found on PATH, which is the process's own.
  const path = process.env.PATH
  process.env.PATH = '/nowhere'
  t.after(() => {
    process.env.PATH = path
  })
  const strict = await startPool(t, 'echo', { relay: 'fifo' })
  const [boot] = await strict.pool.booted
  assert.match(boot?.fault?.message ?? '', /cannot have `relay: fifo`: spawn mkfifo ENOENT/)
  const { pool, log } = await startPool(t, 'echo')
  assert.equal(textOf(await pool.run(job('x'))), 'x')
  assert.deepEqual(kindsOf(await onlyWorker(pool)), ['socket', 'socket'])
  assert.equal(log.lines.filter(({ message }) => message.startsWith('mkfifo failed')).length, 1)
})
