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
  const taker = (name: string): Taker => ({
    name,
    offer: (deliveries) => {
      offered.push(...deliveries.map(({ id }) => id))
      if (pool.idleCount > 0) pool.take()
    },
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
  const mail: Taker = { name: 'mail', offer: (list) => void offered.push(...list.map(({ id }) => id)) }
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
