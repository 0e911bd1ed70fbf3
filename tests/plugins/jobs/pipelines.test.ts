import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Pipelines } from '../../../src/plugins/jobs/pipelines.js'
import { Scheduler } from '../../../src/plugins/jobs/scheduler.js'
import { memoryDriver } from '../../../src/plugins/memory/driver.js'
import type { Lease, Pool } from '../../../src/supervisor/pool/pool.js'
import type { JobDriver } from '../../../src/work/driver.js'
import { jobsProtocol } from '../../../src/work/protocols/jobs.js'
import type { Source } from '../../../src/work/source.js'
import type { DispatchedWork } from '../../../src/work/traced-work.js'
import { MemoryLog } from '../../../testing/memory-log.js'
import { fakeLease } from '../../helpers/fake-lease.js'
import { idlePool } from '../../helpers/idle-pool.js'
import { newJob } from '../../helpers/queue-source.js'
import { ManualClock } from '../../ipc/manual-clock.js'

const timeoutMs = 60_000

/** A pipeline `mail` in memory over a pool of one worker. */
async function make(changes: Partial<Pool>) {
  const clock = new ManualClock()
  const log = new MemoryLog(clock)
  const pool = Object.assign(idlePool(1), changes)
  const scheduler = new Scheduler({ pool, clock })
  const sources: Source[] = []
  const inMemory = memoryDriver({ clock })
  const driver: JobDriver = {
    ...inMemory,
    open: async (pipeline) => {
      const source = await inMemory.open(pipeline)
      sources.push(source)
      return source
    },
  }
  const retry = { max: 0, backoff: 1000, jitter: 0 }
  const speaking = { protocolOf: jobsProtocol, traced: (work: DispatchedWork) => work }
  const context = { pool, scheduler, retry, dead: '', ...speaking, clock, random: () => 0, log }
  const pipelines = new Pipelines({ context, timeoutMs })
  await pipelines.declare({ name: 'mail', driver, config: { priority: 10, prefetch: 10 }, priority: 10 })
  const [source] = sources
  assert.ok(source !== undefined)
  return { clock, log, pipelines, scheduler, source }
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

test('a destroyed pipeline puts back what was acknowledged and waits, and refuses new jobs', async () => {
  const waits = () => new Promise<Lease>(() => undefined)
  const { log, pipelines, scheduler, source } = await make({ acquire: waits })
  await pipelines.push('mail', [newJob({ autoAck: true })])
  pipelines.resume('mail')
  while (scheduler.heldOf({ name: 'mail' }) === 0) await turn()
  assert.deepEqual(await source.counts?.(), { active: 0, delayed: 0, reserved: 0 })
  const destroyed = pipelines.destroy('mail')
  await assert.rejects(pipelines.push('mail', [newJob()]), /no such pipeline, requested: mail/)
  await destroyed
  assert.deepEqual(await source.counts?.(), { active: 1, delayed: 0, reserved: 0 })
  assert.deepEqual(
    log.lines.filter(({ level }) => level === 'error'),
    [],
  )
  assert.deepEqual(pipelines.names(), [])
})

test('destroying a pipeline whose job does not end is given up in time, and goes on when it ends', {
  timeout: 5000,
}, async () => {
  let end = () => {}
  const running = new Promise<void>((resolve) => (end = resolve))
  const lease = fakeLease({
    run: async () => {
      await running
      return { context: Buffer.alloc(0), body: Buffer.from('{"type":0,"data":{}}'), flags: 4 }
    },
    release: () => undefined,
  })
  const { clock, pipelines, scheduler } = await make({ tryAcquire: () => lease })
  await pipelines.push('mail', [newJob()])
  pipelines.resume('mail')
  while (scheduler.heldOf({ name: 'mail' }) === 0) await turn()
  const destroyed = pipelines.destroy('mail')
  await turn()
  clock.advance(timeoutMs)
  await assert.rejects(destroyed, /destroying pipeline "mail" took more than 60 s/)
  assert.deepEqual(pipelines.names(), ['mail'])
  await assert.rejects(pipelines.destroy('mail'), /it is being destroyed/)
  end()
  while (pipelines.names().length > 0) await turn()
})

test('a pipeline that nobody consumes is reachable again once its queue has counted its jobs', async () => {
  const { pipelines, source } = await make({})
  const counts = source.counts?.bind(source)
  source.counts = () => Promise.reject(new Error('not reached'))
  const stateOf = async () => (await pipelines.states()).map(({ state, error }) => [state, error])
  assert.deepEqual(await stateOf(), [['unreachable', 'not reached']])
  Object.assign(source, { counts })
  assert.deepEqual(await stateOf(), [['paused', undefined]])
})

test('a count says nothing about a queue that hands out no jobs to the pipeline that takes them', async () => {
  const { log, pipelines, source } = await make({})
  source.pull = () => Promise.reject(new Error('not allowed'))
  pipelines.resume('mail')
  while (!log.lines.some(({ message }) => /cannot reach its queue/.test(message))) await turn()
  const states = await pipelines.states()
  assert.deepEqual(
    states.map(({ state, error }) => [state, error]),
    [['unreachable', 'not allowed']],
  )
  await pipelines.find('mail').pause()
  assert.equal((await pipelines.states())[0]?.state, 'paused')
})
