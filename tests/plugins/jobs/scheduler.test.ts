import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Scheduler, type Taker } from '../../../src/plugins/jobs/scheduler.js'
import type { Delivery } from '../../../src/work/source.js'
import { delivery } from '../../helpers/deliveries.js'
import { idlePool } from '../../helpers/idle-pool.js'
import { ManualClock } from '../../ipc/manual-clock.js'

const never = new AbortController().signal

/** A scheduler of one worker, which is taken by each delivery that is offered. */
function make(idle: number) {
  const pool = idlePool(idle)
  const clock = new ManualClock()
  const scheduler = new Scheduler({ pool, clock })
  const offered: string[] = []
  const taker = (name: string, more: Partial<Taker> = {}): Taker => ({
    name,
    perJob: 1,
    offer: (deliveries) => {
      offered.push(...deliveries.map(({ id }) => id))
      if (pool.idleCount > 0) pool.take()
    },
    ...more,
  })
  const end = (one: Taker, ended: Delivery, tookMs: number) => {
    clock.advance(tookMs)
    scheduler.done(one, [ended])
  }
  return { pool, scheduler, offered, taker, end, priority: () => 10 }
}

test('nothing is taken while no worker is idle, and one job when one falls idle', async () => {
  const { pool, scheduler, offered, taker, priority } = make(0)
  const mail = taker('mail')
  assert.equal(scheduler.wantOf(mail), 0)
  const wanted = scheduler.whenWanted(mail, never)
  pool.give()
  await wanted
  assert.equal(scheduler.wantOf(mail), 1)
  scheduler.add(mail, [delivery('1'), delivery('2')], priority)
  assert.deepEqual([offered, scheduler.wantOf(mail)], [['1'], 0])
  assert.deepEqual([scheduler.heldOf(mail), scheduler.waitingOf(mail)], [1, 1])
})

test('as many jobs are taken ahead as a worker runs within 100 ms, and none once they are long', () => {
  const { scheduler, taker, end, priority } = make(1)
  const mail = taker('mail')
  const run = (id: string, tookMs: number) => {
    const one = delivery(id)
    scheduler.add(mail, [one], priority)
    end(mail, one, tookMs)
  }
  run('1', 5)
  assert.equal(scheduler.wantOf(mail), 20)
  scheduler.add(
    mail,
    Array.from({ length: 12 }, (_, at) => delivery(`more-${at}`)),
    priority,
  )
  assert.equal(scheduler.wantOf(mail), 0, 'half of them have to run first')
  scheduler.takeBack(mail)
  for (let at = 0; at < 20; at += 1) run(`long-${at}`, 1000)
  assert.equal(scheduler.wantOf(mail), 0)
})

test('what one pipeline has in line can be taken back, and the others go on', async () => {
  const { pool, scheduler, offered, taker, priority } = make(0)
  const [mail, sms] = [taker('mail'), taker('sms')]
  scheduler.add(mail, [delivery('1'), delivery('2')], priority)
  scheduler.add(sms, [delivery('3')], priority)
  const back = scheduler.takeBack(mail)
  const given = scheduler.whenWanted(sms, never)
  pool.give()
  // A delivery of the line runs first; then a second worker makes room.
  pool.give()
  await given
  assert.deepEqual([back.map(({ id }) => id), offered], [['1', '2'], ['3']])
})

test('an aborted wait for room ends', async () => {
  const { scheduler, taker } = make(0)
  const stop = new AbortController()
  const wanted = scheduler.whenWanted(taker('mail'), stop.signal)
  stop.abort()
  scheduler.wake()
  await wanted
  assert.equal(scheduler.wantOf(taker('mail')), 0)
})

test('a dispatcher is given ten jobs for each worker at most, however many its lanes hold back', () => {
  const { pool, scheduler, offered, taker, priority } = make(1)
  const mail: Taker = {
    name: 'mail',
    perJob: 1,
    offer: (list) => void offered.push(...list.map(({ id }) => id)),
  }
  const many = Array.from({ length: 10 }, (_, at) => delivery(`a${at}`))
  scheduler.add(mail, many, priority)
  assert.deepEqual([offered.length, scheduler.wantOf(mail), scheduler.wantOf(taker('sms'))], [10, 0, 1])
  assert.equal(pool.idleCount, 1)
})

test('all that waits of a lane is offered with its first, so that none of it overtakes a retry', () => {
  const { scheduler, offered, taker, end, priority } = make(1)
  const [orders, others] = [taker('orders'), taker('others')]
  const [first, ...rest] = ['a1', 'b1', 'a2', '1', 'a3'].map((id) => delivery(id))
  assert.ok(first !== undefined)
  scheduler.add(orders, [first, ...rest], priority)
  scheduler.add(others, [delivery('a4')], priority)
  assert.deepEqual([offered, scheduler.heldOf(orders)], [['a1', 'a2', 'a3'], 3])
  assert.deepEqual([scheduler.waitingOf(orders), scheduler.waitingOf(others)], [2, 1])
  end(orders, first, 1000)
  assert.equal(scheduler.heldOf(orders), 2)
})

test('a pipeline of small batches wants as many for each worker, and offers what is there together', () => {
  const { pool, scheduler, offered, taker, end, priority } = make(1)
  const sizes: number[] = []
  const mail = taker('mail', {
    perJob: 4,
    offer: (list) => {
      sizes.push(list.length)
      offered.push(...list.map(({ id }) => id))
      if (pool.idleCount > 0) pool.take()
    },
  })
  assert.equal(scheduler.wantOf(mail), 4)
  const [first, ...rest] = ['1', '2', '3', '4', '5', 'a1'].map((id) => delivery(id))
  assert.ok(first !== undefined)
  scheduler.add(mail, [first, ...rest], priority)
  assert.deepEqual(sizes, [4])
  // A quiet queue waits for no more: what is left goes alone.
  for (const one of [first, ...rest.slice(0, 3)]) end(mail, one, 1000)
  pool.give()
  assert.deepEqual([sizes[0], scheduler.heldOf(mail)], [4, 0])
})

/** Deliveries whose header `tenant` is their first letter. */
const ofTenants = (...ids: readonly string[]) =>
  ids.map((id) => delivery(id, { headers: { tenant: [id.charAt(0)] } }))
const byTenant = (window: number) => ({
  window,
  turnOf: ({ headers }: Delivery) => headers.tenant?.[0] ?? '',
})

test('tenants of a fair pipeline take turns, and pipelines do as before', async () => {
  const { pool, scheduler, offered, taker, priority } = make(0)
  const mail = taker('mail', { fairness: byTenant(0) })
  scheduler.add(mail, ofTenants('A1', 'A2', 'A3', 'A4', 'B1', 'C1'), priority)
  scheduler.add(taker('sms'), [delivery('1'), delivery('2')], priority)
  for (let at = 0; at < 8; at += 1) {
    pool.give()
    await new Promise((resolve) => setImmediate(resolve))
  }
  assert.deepEqual(offered, ['A1', '1', 'B1', '2', 'C1', 'A2', 'A3', 'A4'])
})

test('a fair pipeline borrows up to its window to find others, and no more once there are enough', () => {
  const { scheduler, taker, priority } = make(0)
  const mail = taker('mail', { fairness: byTenant(150) })
  assert.equal(scheduler.wantOf(mail), 128)
  scheduler.add(mail, ofTenants(...Array.from({ length: 128 }, (_, at) => `A${at}`)), priority)
  assert.equal(scheduler.wantOf(mail), 22, 'one tenant alone does not keep the others out')
  scheduler.add(mail, ofTenants(...Array.from({ length: 22 }, (_, at) => `A${at + 200}`)), priority)
  assert.equal(scheduler.wantOf(mail), 0)
  scheduler.takeBack(mail)
  scheduler.add(mail, ofTenants(...'ABCDEFGH'), priority)
  assert.equal(scheduler.wantOf(mail), 0, 'eight tenants are enough to choose from')
})

test('a lane keeps its order in a fair pipeline, whoever its jobs belong to', async () => {
  const { pool, scheduler, offered, taker, priority } = make(0)
  const mail = taker('mail', { fairness: byTenant(0) })
  const laned = (id: string, tenant: string) => delivery(id, { lane: 'one', headers: { tenant: [tenant] } })
  scheduler.add(
    mail,
    [...ofTenants('A1', 'A2', 'A3'), laned('1', 'A'), laned('2', 'B'), laned('3', 'A')],
    priority,
  )
  for (let at = 0; at < 4; at += 1) {
    pool.give()
    await new Promise((resolve) => setImmediate(resolve))
  }
  assert.deepEqual(offered, ['A1', 'A2', 'A3', '1', '2', '3'])
})

test('a pipeline that waits for room gets it when the worker of the last job has died', {
  timeout: 5000,
}, async () => {
  const { pool, scheduler, taker, end, priority } = make(0)
  const mail = taker('mail')
  const first = delivery('1')
  scheduler.add(mail, [first], priority)
  const wanted = scheduler.whenWanted(mail, never)
  pool.give()
  await new Promise((resolve) => setImmediate(resolve))
  // Its worker is gone: nobody is idle now, and another one boots later.
  end(mail, first, 1000)
  pool.give()
  await wanted
  assert.equal(scheduler.wantOf(mail), 1)
})
