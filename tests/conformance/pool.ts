/**
 * Conformance of every pool, whatever its workers are: answers, turns, the queue, leases, faults, streams, control requests.
 * The life of workers is in `pool-life.ts`. Run by `tests/supervisor/pool/pools.test.ts` for processes and for threads.
 */
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type ErrorCode, hasCode } from '../../src/core/errors.js'
import type { AcquireOptions } from '../../src/supervisor/pool/pool.js'
import { errorTextOf, job, type TestPool, type TestPoolOptions, textOf } from '../helpers/pool.js'
import { fixture } from '../helpers/project.js'
import { eventually } from '../helpers/wait.js'

/** Runs a handler file: the same file for every kind of pool. */
export interface PoolKind {
  readonly name: string
  /** Starts a pool whose workers run this file with these words behind it. */
  start(t: TestContext, words: readonly string[], options?: TestPoolOptions): Promise<TestPool>
}

/** A file below `tests/fixtures/handlers`. */
export function handler(name: string): string {
  return fixture('handlers', `${name}.mjs`)
}

/** For `assert.rejects`: this code, and a message that matches. */
export function faultOf(code: ErrorCode, says = /./): (error: Error) => true {
  return (error) => {
    assert.ok(hasCode(error, code), `not ${code}: ${error.stack}`)
    assert.match(error.message, says)
    return true
  }
}

/** A path that does not exist until `open` is called; workers of `holds.mjs` wait for it. */
export async function gate(t: TestContext): Promise<{ readonly path: string; open(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'rr-gate-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const path = join(folder, 'open')
  return { path, open: () => writeFile(path, '') }
}

/** Registers the tests of answers, turns, waiting, leases and faults for one kind of pool. */
export function testPool({ name, start }: PoolKind): void {
  const run = (t: TestContext, file: string, options?: TestPoolOptions) => start(t, [handler(file)], options)

  test(`${name}: a body comes back byte for byte, whatever its size`, async (t) => {
    const { pool } = await run(t, 'echo')
    const every = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
    for (const body of ['', 'x', 'ü'.repeat(1000), 'z'.repeat(3_000_000)])
      assert.equal(textOf(await pool.run(job(body))), body)
    const reply = await pool.run({ context: '', body: every, codec: 0x04 })
    assert.deepEqual(Buffer.from(reply.body), every)
  })

  test(`${name}: a handler is told the context, and its verdicts and replies carry one`, async (t) => {
    const { pool } = await run(t, 'verdicts')
    const contextOf = async (body: string) => {
      const reply = await pool.run({ ...job(body), context: '{"order":7}' })
      return JSON.parse(Buffer.from(reply.context).toString())
    }
    assert.deepEqual(await contextOf('a reply'), { status: 201, seen: { order: 7 } })
    assert.deepEqual(await contextOf('retry'), { outcome: 'retry', reason: 'later', after_ms: 500 })
    assert.deepEqual(await contextOf('fail'), { outcome: 'fail', reason: 'never' })
  })

  test(`${name}: idle workers take turns in the order in which they became idle`, async (t) => {
    const { pool } = await run(t, 'who', { config: { num_workers: 3 } })
    await pool.booted
    const turns: string[] = []
    for (let at = 0; at < 9; at += 1) turns.push(textOf(await pool.run(job('?'))))
    assert.equal(new Set(turns.slice(0, 3)).size, 3)
    assert.deepEqual(turns, [...turns.slice(0, 3), ...turns.slice(0, 3), ...turns.slice(0, 3)])
  })

  /** Holds the only worker, lets callers wait in this order, and resolves with the order in which they were served. */
  const servedOrder = async (t: TestContext, callers: readonly [who: string, options: AcquireOptions][]) => {
    const { pool } = await run(t, 'echo')
    const held = await pool.acquire()
    const order: string[] = []
    const waiting = callers.map(async ([who, options]) => {
      const lease = await pool.acquire(options)
      order.push(who)
      lease.release()
    })
    held.release()
    await Promise.all(waiting)
    return order
  }

  test(`${name}: callers are served as they came, and one in front goes first`, async (t) => {
    const order = await servedOrder(t, [
      ['first', {}],
      ['second', {}],
      ['front', { front: true }],
    ])
    assert.deepEqual(order, ['front', 'first', 'second'])
  })

  test(`${name}: a low priority waits, keys take turns`, async (t) => {
    const order = await servedOrder(t, [
      ['low', { priority: 100 }],
      ['a1', { priority: 1, key: 'a' }],
      ['a2', { priority: 1, key: 'a' }],
      ['b1', { priority: 1, key: 'b' }],
    ])
    assert.deepEqual(order, ['a1', 'b1', 'a2', 'low'])
  })

  test(`${name}: a caller can give up waiting, and nobody waits longer than he said`, async (t) => {
    const { pool } = await run(t, 'echo', { config: { queue_timeout: 50 } })
    await pool.booted
    const held = await pool.acquire()
    const give = new AbortController()
    const gone = pool.acquire({ signal: give.signal, waitMsMax: 60_000 })
    give.abort()
    await assert.rejects(gone, faultOf('RR_JOB_ABORTED'))
    await assert.rejects(pool.acquire({ waitMsMax: 20 }), faultOf('RR_POOL_NO_WORKERS', /within 20 ms/))
    await assert.rejects(pool.acquire(), faultOf('RR_POOL_NO_WORKERS', /within 50 ms/))
    held.release()
    assert.equal(textOf(await pool.run(job('next'))), 'next')
  })

  test(`${name}: more callers than max_queue_size are sent away at once`, async (t) => {
    const { pool } = await run(t, 'echo', { config: { max_queue_size: 2 } })
    const [held, waiting] = [await pool.acquire(), pool.acquire()]
    await assert.rejects(pool.acquire(), faultOf('RR_POOL_QUEUE_FULL', /max_queue_size is 2/))
    held.release()
    const second = await waiting
    second.release()
  })

  test(`${name}: a lease keeps its worker, runs one job at a time, and is given back once`, async (t) => {
    const { pool } = await run(t, 'who', { config: { num_workers: 2 } })
    await pool.booted
    await pool.whenIdle(undefined, 2)
    const lease = pool.tryAcquire()
    assert.ok(lease)
    const [first, second] = [textOf(await lease.run(job('?'))), textOf(await lease.run(job('?')))]
    assert.equal(first, second)
    assert.equal(pool.idleCount, 1)
    const running = lease.run(job('?'))
    await assert.rejects(lease.run(job('?')), /a second job on a lease/)
    await running
    lease.release()
    lease.release()
    assert.equal(pool.idleCount, 2)
    await assert.rejects(lease.run(job('?')), /a released lease/)
  })

  test(`${name}: tryAcquire takes an idle worker or none, and whenIdle counts without taking`, async (t) => {
    const { pool } = await run(t, 'echo', { config: { num_workers: 2 } })
    await pool.whenIdle(undefined, 2)
    const [one, other] = [pool.tryAcquire(), pool.tryAcquire()]
    assert.deepEqual([one !== undefined, other !== undefined, pool.tryAcquire()], [true, true, undefined])
    const order: string[] = []
    const both = pool.whenIdle(undefined, 2).then(() => order.push('both'))
    const any = pool.whenIdle().then(() => order.push('any'))
    const give = new AbortController()
    const never = pool.whenIdle(give.signal, 3)
    one?.release()
    await any
    other?.release()
    await both
    assert.deepEqual([order, pool.idleCount], [['any', 'both'], 2])
    give.abort()
    await never
  })

  test(`${name}: what a handler throws fails the job with type, text and stack, and keeps the worker`, async (t) => {
    const { pool } = await run(t, 'throws')
    await pool.booted
    const before = await idsOf({ pool })
    await assert.rejects(pool.run(job('fall')), (error: Error) => {
      assert.match(errorTextOf(error), /throws\.mjs/)
      return faultOf('RR_JOB_FAILED', /^TypeError: told to: fall$/)(error)
    })
    assert.deepEqual(await idsOf({ pool }), before)
  })

  test(`${name}: a streamed answer comes chunk by chunk and in order`, async (t) => {
    const { pool } = await run(t, 'streams')
    const chunks: string[] = []
    const reply = await pool.run(job('4'), { onChunk: (chunk) => void chunks.push(textOf(chunk)) })
    assert.deepEqual([...chunks, textOf(reply)], ['chunk 1', 'chunk 2', 'chunk 3', 'last'])
    await assert.rejects(pool.run(job('2')), faultOf('RR_IPC_BAD_FRAME', /streamed answer/))
  })

  test(`${name}: a stream ends early when its reader says so, and the worker lives`, async (t) => {
    const { pool } = await run(t, 'streams', { config: { stream_timeout: 5_000 } })
    await pool.booted
    const before = await idsOf({ pool })
    const stop = new AbortController()
    const onChunk = () => stop.abort()
    const reply = await pool.run(job('endless'), { onChunk, stopStream: stop.signal })
    assert.equal(textOf(reply), 'stopped')
    assert.deepEqual(await idsOf({ pool }), before)
  })

  test(`${name}: those that announced a feature are told and asked, the others are not`, async (t) => {
    const { pool } = await run(t, 'announces', { config: { num_workers: 2 } })
    await pool.whenIdle(undefined, 2)
    assert.deepEqual([pool.tell('thaw', { news: 1 }), pool.tell('fly', { news: 2 })], [2, 0])
    assert.equal(await pool.ask('thaw', { question: 3 }), 2)
    assert.equal(await pool.ask('fly', { question: 4 }), 0)
    const heard = JSON.parse(textOf(await pool.run(job('?'))))
    assert.deepEqual(heard, [{ news: 1 }, { question: 3 }])
  })

  test(`${name}: what a worker prints is logged with its pool and job`, async (t) => {
    const { pool, line } = await run(t, 'talks')
    assert.equal(textOf(await pool.run({ ...job('x', 'job-7'), tags: { requestId: 'request-7' } })), 'x')
    for (const text of [/to standard output/, /"to standard error","order":7/]) {
      const { pool: of, job: id, tags } = await line(text)
      assert.deepEqual([of, id, tags], ['test', 'job-7', { requestId: 'request-7' }])
    }
  })

  test(`${name}: workers() tells of each what it does, how much it did, holds and runs`, async (t) => {
    const { pool, line } = await run(t, 'holds', { config: { num_workers: 2 } })
    const { path, open } = await gate(t)
    await pool.whenIdle(undefined, 2)
    const running = pool.run(job(path))
    await line(/holding/)
    const busy = await pool.workers()
    assert.deepEqual(busy.map(({ state, jobs }) => `${state} ${jobs}`).sort(), ['busy 1', 'idle 0'])
    await open()
    await running
    await eventually(async () => (await pool.workers()).every(({ state }) => state === 'idle'))
    for (const one of await pool.workers()) {
      assert.ok(one.memoryBytes > 2 ** 20, `${one.memoryBytes} bytes`)
      assert.ok(one.createdAtMs > 0 && one.command.includes('holds.mjs') && one.pool === 'test')
    }
    assert.equal(new Set(await idsOf({ pool })).size, 2)
  })
}

/** Ids of a pool's workers: pids, or the numbers of threads. */
export async function idsOf({ pool }: Pick<TestPool, 'pool'>): Promise<readonly number[]> {
  return (await pool.workers()).map((one) => one.thread ?? one.pid)
}
