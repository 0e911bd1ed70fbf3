import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hasCode } from '../../../src/core/errors.js'
import { poolDefaults } from '../../helpers/pool.js'
import { type ScriptedPool, scriptedPool } from '../../helpers/scripted-pool.js'

const megabyte = 2 ** 20
const { supervisor } = poolDefaults
const allocator = { max_workers: 4, spawn_rate: 2, idle_timeout: 5000, grow_after: 100, cool_down: 500 }

function messages({ log }: ScriptedPool, level: string): readonly string[] {
  return log.lines.filter((line) => line.level === level).map(({ message }) => message)
}

test('a boot that fails counts as one death, not two', async (t) => {
  const one = scriptedPool(t, { knobs: { failsBoot: true } })
  await one.settled(one.pool.booted)
  assert.equal(one.pool.health.recentDeaths, 1)
})

test('a worker that falls right after a slow boot is brought up later and later, as one that does not boot', async (t) => {
  const one = scriptedPool(t, { knobs: { bootMs: 2000 } })
  await one.settled(one.pool.booted)
  const gaps: number[] = []
  for (let fallen = 1; fallen < 5; fallen += 1) {
    const [worker] = one.workers.slice(-1)
    assert.ok(worker)
    const at = one.time.monotonicMs()
    one.fall(worker)
    await one.until(() => one.workers.length > fallen)
    gaps.push(one.time.monotonicMs() - at - 2000)
  }
  assert.ok(
    gaps.every((gap, at) => gap >= 25 * 2 ** at),
    gaps.join(),
  )
})

test('the successor of a worker past its ttl is ready before the old one leaves, and the log says why', async (t) => {
  const one = scriptedPool(t, {
    size: 3,
    config: { supervisor: { ...supervisor, ttl: 60_000, watch_tick: 1000 } },
  })
  await one.settled(one.pool.booted)
  let least = 3
  await one.until(() => {
    least = Math.min(least, one.pool.idleCount)
    return one.workers.length === 6
  })
  assert.equal(least, 3)
  const line = one.log.lines.find(({ message }) => message === 'a worker is replaced')
  assert.equal(line?.fields.why, 'ttl')
  assert.equal(line?.fields.limitMs, 60_000)
  assert.ok(Number(line?.fields.isMs) >= 60_000)
})

test('a successor that does not boot leaves the old worker where it is', async (t) => {
  const one = scriptedPool(t, { config: { supervisor: { ...supervisor, ttl: 60_000, watch_tick: 1000 } } })
  await one.settled(one.pool.booted)
  one.knobs.failsBoot = true
  await one.until(() => messages(one, 'warn').includes('its successor did not boot, so it stays for now'))
  assert.equal(one.pool.idleCount, 1)
  one.knobs.failsBoot = false
  await one.until(() => one.workers.length === 2)
  assert.equal(one.pool.liveCount, 1)
})

test('the next look at memory does not wait for a slow boot', async (t) => {
  let looks = 0
  const one = scriptedPool(t, {
    config: { supervisor: { ...supervisor, ttl: 1000, watch_tick: 1000, max_worker_memory: 100 } },
    measure: async () => {
      looks += 1
      return megabyte
    },
  })
  await one.settled(one.pool.booted)
  one.knobs.bootMs = 20_000
  await one.until(() => messages(one, 'info').includes('a worker is replaced'))
  const before = looks
  await one.pass(10_000)
  assert.ok(looks > before, `${looks}`)
})

test('where memory does not suffice for two, the old worker has gone before its successor boots', async (t) => {
  const one = scriptedPool(t, {
    config: { supervisor: { ...supervisor, max_worker_memory: 100, memory_samples: 1, watch_tick: 1000 } },
    measure: async () => 200 * megabyte,
    budget: async () => ({ limitBytes: 300 * megabyte, usedBytes: 200 * megabyte }),
    knobs: { script: () => ({ deed: 'done', takesMs: 10_000 }) },
  })
  await one.settled(one.pool.booted)
  const running = one.pool.run(one.job('a'))
  const [old] = one.workers
  await one.until(() => old?.state === 'draining')
  await one.pass(5000)
  assert.equal(one.workers.length, 1)
  await one.settled(running)
  await one.until(() => one.workers.length === 2)
  assert.equal(old?.state, 'exited')
  const line = one.log.lines.find(({ message }) => /leaves first/.test(message))
  assert.deepEqual([line?.fields.why, line?.fields.isBytes], ['max_memory', 200 * megabyte])
})

test('workers that reach max_jobs together are renewed early one at a time in a small pool', async (t) => {
  const one = scriptedPool(t, { size: 4, jobsMax: 20, knobs: { bootMs: 5000 } })
  await one.settled(one.pool.booted)
  one.knobs.bootMs = 10_000_000
  for (let job = 0; job < 19 * 4; job += 1) await one.settled(one.pool.run(one.job(`j${job}`)))
  await one.pass(100)
  assert.equal(one.pool.idleCount, 4)
  // All but one will be brought up when their places are empty.
  one.knobs.bootMs = 10
  for (let job = 0; job < 4; job += 1) await one.settled(one.pool.run(one.job(`k${job}`)))
  await one.until(() => one.workers.length === 7)
  assert.equal(one.workers.length, 7)
})

test('a reset renews a worker whose boot had begun before it, too', async (t) => {
  const one = scriptedPool(t, { size: 2 })
  await one.settled(one.pool.booted)
  const [first] = one.workers
  assert.ok(first)
  one.knobs.bootMs = 1000
  one.fall(first)
  await one.until(() => one.pool.liveCount === 1)
  await one.pass(500)
  const before = one.workers.length
  await one.settled(one.pool.reset())
  // The one that lived, and the one that booted meanwhile with the old code.
  assert.equal(one.workers.length, before + 3)
  const old = one.workers.slice(0, before + 1)
  assert.deepEqual(
    old.map(({ state }) => state),
    ['exited', 'exited', 'exited'],
  )
})

test('a reset in a crash loop is done when new code boots, and fails when it does not', async (t) => {
  const one = scriptedPool(t, { knobs: { failsBoot: true } })
  await one.settled(one.pool.booted)
  await one.until(() => one.pool.health.isDegraded)
  await assert.rejects(one.settled(one.pool.reset()), (error) => hasCode(error, 'RR_RESET_FAILED'))
  one.knobs.failsBoot = false
  const at = one.time.monotonicMs()
  await one.settled(one.pool.reset())
  assert.equal(one.pool.liveCount, 1)
  assert.ok(one.time.monotonicMs() - at < 100, 'whoever waited for a next try begins at once')
})

test('a pool without a living worker in which none boots is degraded, however slowly that comes about', async (t) => {
  const one = scriptedPool(t, { size: 2, config: { crash_loop: { deaths: 100, within: 5000 } } })
  await one.settled(one.pool.booted)
  const [first, second] = one.workers
  assert.ok(first && second)
  one.knobs.failsBoot = true
  one.fall(first)
  await one.pass(20_000)
  assert.equal(one.pool.health.isDegraded, false)
  one.fall(second)
  await one.pass(60_000)
  assert.equal(one.pool.health.isDegraded, true)
  assert.ok(one.pool.health.degradedMs > 50_000)
  one.knobs.failsBoot = false
  await one.until(() => !one.pool.health.isDegraded)
  assert.ok(one.pool.liveCount > 0)
  assert.equal(messages(one, 'error').filter((text) => /the pool is degraded/.test(text)).length, 1)
})

test('a degraded pool says so once in the log and in its health, and recovers by itself', async (t) => {
  const one = scriptedPool(t, {
    size: 2,
    knobs: { failsBoot: true },
    config: { crash_loop: { deaths: 3, within: 10_000 } },
  })
  await one.settled(one.pool.booted)
  await one.until(() => one.pool.health.isDegraded)
  await one.pass(5000)
  assert.match(one.pool.health.why ?? '', /meant to fail/)
  assert.ok(one.pool.health.degradedMs >= 5000)
  one.knobs.failsBoot = false
  await one.until(() => !one.pool.health.isDegraded)
  assert.equal(one.pool.liveCount, 2)
  assert.equal(messages(one, 'error').filter((text) => /the pool is degraded/.test(text)).length, 1)
  assert.equal(messages(one, 'info').filter((text) => /has recovered/.test(text)).length, 1)
})

test('many resets that are asked for at once are two: the one that runs, and one for all the others', async (t) => {
  const one = scriptedPool(t)
  await one.settled(one.pool.booted)
  const first = one.pool.reset()
  await one.until(() => one.workers.length === 2)
  await one.settled(Promise.all([first, ...Array.from({ length: 50 }, () => one.pool.reset())]))
  assert.equal(one.workers.length, 3)
})

test('a canary that is replaced after its max_jobs has proved itself, and the reset goes on', async (t) => {
  const one = scriptedPool(t, { jobsMax: 2, config: { reset_canary: 2 } })
  await one.settled(one.pool.booted)
  const reset = one.pool.reset()
  await one.until(() => one.workers.length === 2)
  for (let job = 0; job < 4; job += 1) await one.settled(one.pool.run(one.job(`j${job}`)))
  await one.settled(reset)
  assert.equal(one.pool.liveCount, 1)
})

test('a canary that fails its jobs goes, the old workers stay, and the reset says how it did', async (t) => {
  const one = scriptedPool(t, { size: 2, config: { reset_canary: 3 } })
  await one.settled(one.pool.booted)
  const old = [...one.workers]
  const reset = one.pool.reset()
  reset.catch(() => undefined)
  await one.until(() => one.workers.length === 3)
  one.knobs.script = (id) => ({ deed: id === 'bad' ? 'error' : 'done', takesMs: 1 })
  const canary = one.workers[2]
  while (canary?.score.isGone === false) {
    const lease = one.pool.tryAcquire()
    assert.ok(lease)
    const run = lease.run(one.job(lease.pid === canary.pid ? 'bad' : 'good')).catch(() => undefined)
    await one.settled(run)
    lease.release()
  }
  await assert.rejects(one.settled(reset), /failed 3 of 3 jobs, the old ones 0 of/)
  assert.deepEqual(
    old.map(({ state }) => state),
    ['idle', 'idle'],
  )
})

test('a canary that hangs in its first job does not pass because time is up', async (t) => {
  const one = scriptedPool(t, { config: { reset_canary: 1, reset_timeout: 3000 } })
  await one.settled(one.pool.booted)
  const lease = one.pool.tryAcquire()
  const reset = one.pool.reset()
  reset.catch(() => undefined)
  await one.until(() => one.workers.length === 2)
  one.knobs.script = () => ({ deed: 'hang', takesMs: 1 })
  one.pool.run(one.job('hangs')).catch(() => undefined)
  await assert.rejects(one.settled(reset), /did not answer its first job/)
  lease?.release()
})

test('a worker whose successor is on its way is not given back, and is there when that does not come up', async (t) => {
  const one = scriptedPool(t, {
    config: {
      dynamic_allocator: { ...allocator, idle_timeout: 1000 },
      supervisor: { ...supervisor, ttl: 4000, watch_tick: 50 },
    },
    knobs: { script: () => ({ deed: 'done', takesMs: 400 }) },
  })
  await one.settled(one.pool.booted)
  const jobs = Promise.all(Array.from({ length: 4 }, (_, at) => one.pool.run(one.job(`j${at}`))))
  await one.settled(jobs)
  assert.ok(one.pool.size > 1)
  one.knobs.failsBoot = true
  one.knobs.bootMs = 3000
  await one.pass(20_000)
  assert.equal(one.pool.idleCount, one.pool.liveCount)
  assert.ok(one.pool.liveCount >= 1)
})

test('a pool grows while callers wait, not before grow_after, and gives back what idles', async (t) => {
  const one = scriptedPool(t, {
    config: { dynamic_allocator: allocator },
    knobs: { script: () => ({ deed: 'done', takesMs: 2000 }) },
  })
  await one.settled(one.pool.booted)
  const at = one.time.monotonicMs()
  const jobs = Promise.all(Array.from({ length: 20 }, (_, n) => one.pool.run(one.job(`j${n}`))))
  await one.until(() => one.pool.size > 1)
  const tookMs = one.time.monotonicMs() - at
  assert.ok(tookMs >= 100 && tookMs < 300, `${tookMs}`)
  assert.equal(one.pool.size, 3)
  await one.settled(jobs)
  assert.equal(one.pool.size, 5)
  await one.until(() => one.pool.size === 1)
  assert.equal(one.pool.liveCount, 1)
  assert.ok(one.log.lines.some(({ message }) => /the pool shrinks/.test(message)))
})

test('grown places in which nobody comes up are given back', async (t) => {
  const one = scriptedPool(t, {
    config: { dynamic_allocator: allocator, crash_loop: { deaths: 1000, within: 30_000 } },
    knobs: { script: () => ({ deed: 'done', takesMs: 1000 }) },
  })
  await one.settled(one.pool.booted)
  one.knobs.failsBoot = true
  const jobs = Promise.all(Array.from({ length: 3 }, (_, n) => one.pool.run(one.job(`j${n}`))))
  await one.settled(jobs)
  assert.equal(one.pool.size, 3)
  await one.until(() => one.pool.size === 1)
  assert.equal(one.pool.liveCount, 1)
})

test('growth is bounded by the memory that those who boot already will take', async (t) => {
  const one = scriptedPool(t, {
    config: { dynamic_allocator: { ...allocator, spawn_rate: 4 } },
    measure: async () => 100 * megabyte,
    budget: async () => ({ limitBytes: 1000 * megabyte, usedBytes: 700 * megabyte }),
    knobs: { script: () => ({ deed: 'done', takesMs: 60_000 }) },
  })
  await one.settled(one.pool.booted)
  one.knobs.bootMs = 10_000
  const jobs = Promise.allSettled(Array.from({ length: 9 }, (_, n) => one.pool.run(one.job(`j${n}`))))
  await one.pass(5000)
  assert.equal(one.pool.size, 3)
  one.pool.kill()
  await one.settled(jobs)
})

test('those who wait for an idle worker beside the line count as demand although every job wakes them', async (t) => {
  const one = scriptedPool(t, {
    config: { dynamic_allocator: allocator },
    knobs: { script: () => ({ deed: 'done', takesMs: 30 }) },
  })
  await one.settled(one.pool.booted)
  let isOver = false
  const load = (async () => {
    for (let n = 0; !isOver; n += 1) await one.pool.run(one.job(`j${n}`))
  })()
  const isGrown = one.until(() => one.pool.size > 1)
  void one.pool.whenIdle(undefined, 2)
  await isGrown
  isOver = true
  await one.settled(load)
})

test('a line that is never empty does not pass over those who wait beside it', async (t) => {
  const one = scriptedPool(t, { knobs: { script: () => ({ deed: 'done', takesMs: 30 }) } })
  await one.settled(one.pool.booted)
  let isOver = false
  const callers = Array.from({ length: 3 }, async (_, at) => {
    for (let n = 0; !isOver; n += 1) await one.pool.run(one.job(`j${at}-${n}`))
  })
  await one.pass(200)
  assert.ok(one.pool.waitingCount > 0)
  const waited = one.pool.whenIdle().then(() => one.pool.tryAcquire())
  const lease = await one.settled(waited)
  assert.ok(lease)
  lease.release()
  isOver = true
  await one.settled(Promise.all(callers))
})

test('a stopping pool boots no worker for its own jobs; a caller who gives up costs only that worker', async (t) => {
  const one = scriptedPool(t, { knobs: { script: () => ({ deed: 'hang', takesMs: 1 }) } })
  await one.settled(one.pool.booted)
  const giveUp = new AbortController()
  const alone = one.pool.runAlone(one.job('a'), { signal: giveUp.signal })
  alone.catch(() => undefined)
  await one.until(() => one.workers[1]?.state === 'busy')
  giveUp.abort()
  await assert.rejects(one.settled(alone), (error) => hasCode(error, 'RR_JOB_ABORTED'))
  assert.equal(one.pool.liveCount, 1)
  await one.settled(one.pool.stop(0))
  await assert.rejects(one.pool.runAlone(one.job('b')), (error) => hasCode(error, 'RR_POOL_STOPPED'))
  assert.equal(one.workers.length, 2)
})

test('a stop in the middle of everything leaves no worker and no timer', async (t) => {
  const one = scriptedPool(t, {
    size: 3,
    knobs: { failsBoot: true },
    config: { dynamic_allocator: allocator, crash_loop: { deaths: 1, within: 1e6 } },
  })
  await one.settled(one.pool.booted)
  const waiting = one.pool.run(one.job('a'))
  waiting.catch(() => undefined)
  await one.until(() => one.pool.health.isDegraded)
  await one.settled(one.pool.stop(1000))
  await assert.rejects(waiting, (error) => hasCode(error, 'RR_POOL_STOPPED'))
  assert.equal(one.time.timerCount, 0)
})

test('a pool of many workers that boot, and wait to boot again, is not a leak in the eyes of Node', async (t) => {
  const warnings: string[] = []
  const onWarning = ({ name }: Error) => void warnings.push(name)
  process.on('warning', onWarning)
  t.after(() => process.off('warning', onWarning))
  const one = scriptedPool(t, { size: 30, knobs: { failsBoot: true } })
  await one.settled(one.pool.booted)
  await one.pass(20)
  assert.ok(one.time.timerCount >= 30)
  await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(warnings, [])
})
