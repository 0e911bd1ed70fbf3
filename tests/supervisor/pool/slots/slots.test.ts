import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ErrorCode, RelayError } from '../../../../src/core/errors.js'
import { seededRandom } from '../../../../src/core/random.js'
import { PoolEmitter } from '../../../../src/supervisor/pool/events.js'
import { Waiters } from '../../../../src/supervisor/pool/queue/waiters.js'
import { Slots, type SlotsOptions } from '../../../../src/supervisor/pool/slots/slots.js'
import type { Worker } from '../../../../src/supervisor/worker/worker.js'
import { recordingLogger } from '../../../helpers/pool.js'
import { scriptedBootOf } from '../../../helpers/scripted-workers.js'
import { VirtualTime } from '../../../schedules/virtual-time.js'

/** Slots without a pool around them. */
function makeSlots(options: Partial<SlotsOptions> = {}) {
  const time = new VirtualTime()
  const stop = new AbortController()
  const knobs = { failsBoot: false }
  const ready: Worker[] = []
  const exited = new Map<Worker, () => void>()
  const boot = scriptedBootOf(time, { failsBoot: () => knobs.failsBoot })
  const slots: Slots = new Slots({
    pool: 'p',
    size: 2,
    crashLoop: { deathsMax: 100, periodMs: 30_000 },
    clock: time,
    random: seededRandom(1),
    log: recordingLogger(),
    events: new PoolEmitter(recordingLogger()),
    boot: () =>
      boot(
        {
          onBooting: () => () => undefined,
          onDue: () => undefined,
          onLeaving: (worker) => slots.onLeaving(worker, worker.why),
          onExited: (worker) => exited.get(worker)?.(),
          onDeadline: () => undefined,
          onWithdraw: () => undefined,
          onPlace: () => undefined,
        },
        stop.signal,
      ),
    onReady: (worker) => void ready.push(worker),
    onDead: () => undefined,
    changed: new Waiters(),
    gone: (worker) => new Promise((resolve) => exited.set(worker, resolve)),
    stopped: stop.signal,
    stoppedError: () => new RelayError(ErrorCode.PoolStopped, 'the pool stops'),
    ...options,
  })
  const until = (isTrue: () => boolean) => time.run(isTrue, 600_000)
  const isFull = () => slots.workers.length === slots.size
  return { slots, knobs, ready, until, isFull, stop }
}

/** Slots whose workers have booted. */
async function fullSlots(options: Partial<SlotsOptions> = {}) {
  const made = makeSlots(options)
  const started = made.slots.start()
  await made.until(made.isFull)
  return { ...made, boots: await started }
}

const pidsOf = (workers: readonly Worker[]) => workers.map(({ pid }) => pid)

test('every slot is filled at the start, and each worker is ready once', async () => {
  const { slots, ready, boots } = await fullSlots({ size: 3 })
  assert.equal(boots.length, 3)
  assert.deepEqual(new Set(pidsOf(ready)), new Set(pidsOf(slots.workers)))
})

test('the slot of a worker that fell is filled again', async () => {
  const { slots, until, isFull } = await fullSlots()
  const [first] = slots.workers
  first?.kill('aborted')
  assert.equal(slots.workers.length, 1)
  await until(isFull)
  assert.ok(!slots.workers.some((worker) => worker === first))
})

test('a slot whose boots fail is tried again until one succeeds', async () => {
  const { slots, knobs, until, isFull } = makeSlots()
  knobs.failsBoot = true
  const started = slots.start()
  await until(() => slots.failingCount === 2)
  assert.equal(slots.workers.length, 0)
  knobs.failsBoot = false
  await started
  await until(isFull)
  assert.equal(slots.failingCount, 0)
})

test('with bootFirst the other slots wait for bootRest', async () => {
  const { slots, until, isFull } = makeSlots({ size: 3, bootFirst: 1 })
  const started = slots.start()
  await until(() => slots.workers.length === 1)
  slots.bootRest()
  await until(isFull)
  assert.equal((await started).length, 3)
})

test('a renewed worker leaves only when its successor is ready, and the pool is never short of one', async () => {
  const { slots, until } = await fullSlots()
  const [old] = slots.workers
  assert.ok(old)
  const renewing = slots.renewal.renew(old, 'reset')
  assert.deepEqual([slots.isRenewing(old), slots.renewingCount, old.state], [true, 1, 'idle'])
  assert.equal(await slots.renewal.renew(old, 'reset'), undefined)
  await until(() => slots.renewingCount === 0)
  const fresh = await renewing
  assert.ok(fresh !== undefined && slots.workers.includes(fresh))
  assert.equal(slots.workers.length, 2)
  assert.ok(old.score.isGone)
})

test('a worker whose successor does not boot, or fails its probe, stays', async () => {
  const { slots, knobs, until } = await fullSlots()
  const [old] = slots.workers
  assert.ok(old)
  const bad = slots.renewal.renew(old, 'reset', () => Promise.reject(new Error('worse than before')))
  const rejected = assert.rejects(bad, /worse than before/)
  await until(() => slots.renewingCount === 0)
  await rejected
  knobs.failsBoot = true
  const failed = assert.rejects(slots.renewal.renew(old, 'reset'), /meant to fail/)
  await until(() => slots.renewingCount === 0)
  await failed
  assert.deepEqual([slots.workers.includes(old), old.state], [true, 'idle'])
})

test('a replaced worker has gone before its successor boots', async () => {
  const { slots, ready, until, isFull } = await fullSlots()
  const [old] = slots.workers
  assert.ok(old)
  const replaced = slots.renewal.replace(old, 'reset')
  assert.equal(slots.workers.length, 1)
  assert.equal(ready.length, 2)
  await until(isFull)
  await replaced
  assert.equal(ready.length, 3)
})

test('slots are added and given back, and one that is given back is not filled again', async () => {
  const { slots, until, isFull } = await fullSlots({ size: 1 })
  slots.grow(2)
  assert.equal(slots.size, 3)
  await until(isFull)
  const [one] = slots.workers
  assert.ok(one)
  assert.equal(slots.shrink(one), true)
  assert.equal(slots.shrink(one), false)
  assert.deepEqual([slots.size, slots.workers.length], [2, 2])
})

test('after a stop no slot is filled and nothing is renewed', async () => {
  const { slots, stop } = await fullSlots()
  const [one, other] = slots.workers
  assert.ok(one !== undefined && other !== undefined)
  stop.abort()
  slots.close()
  one.kill('aborted')
  await assert.rejects(slots.renewal.renew(other, 'reset'), /the pool stops/)
  assert.equal(slots.renewingCount, 0)
})
