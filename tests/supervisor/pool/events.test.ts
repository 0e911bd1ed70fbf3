import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PoolEmitter } from '../../../src/supervisor/pool/events.js'
import { recordingLogger } from '../../helpers/pool.js'
import { scriptedPool } from '../../helpers/scripted-pool.js'

test('listeners hear of their event until they stop listening, and nobody is asked for before', () => {
  const events = new PoolEmitter(recordingLogger())
  const heard: boolean[] = []
  assert.equal(events.has('degraded'), false)
  const listen = () => events.on('degraded', ({ isDegraded }) => void heard.push(isDegraded))
  const [stopOne, stopOther] = [listen(), listen()]
  assert.deepEqual([events.has('degraded'), events.has('ready')], [true, false])
  events.emit('degraded', { pool: 'p', isDegraded: true })
  stopOne()
  stopOne()
  events.emit('degraded', { pool: 'p', isDegraded: false })
  stopOther()
  assert.deepEqual(heard, [true, true, false])
  assert.equal(events.has('degraded'), false)
})

test('a listener that throws is logged, and the others are told all the same', () => {
  const log = recordingLogger()
  const events = new PoolEmitter(log)
  let heard = 0
  events.on('reset', () => {
    throw new Error('no')
  })
  events.on('reset', () => {
    heard += 1
  })
  events.emit('reset', { pool: 'p', why: undefined })
  assert.equal(heard, 1)
  assert.deepEqual([log.lines[0]?.level, log.lines[0]?.fields.event], ['error', 'reset'])
})

test('a pool tells of its workers and jobs: ready, assigned, settled, exited', async (t) => {
  const { pool, settled, until, job, workers, fall } = scriptedPool(t)
  const heard: string[] = []
  pool.events.on('ready', ({ worker }) => void heard.push(`ready ${worker.pid}`))
  pool.events.on('exited', ({ worker, why }) => void heard.push(`exited ${worker.pid} ${why}`))
  pool.events.on('assigned', (event) => void heard.push(`assigned ${event.job.id}`))
  pool.events.on('settled', ({ job: { id }, outcome, tookMs }) => {
    assert.ok(tookMs >= 0)
    heard.push(`settled ${id} ${outcome.kind}`)
  })
  await settled(pool.run(job('one')))
  const [first] = workers
  assert.ok(first)
  fall(first)
  await until(() => heard.length === 5)
  assert.deepEqual(
    heard.filter((text) => !text.startsWith('ready')),
    ['assigned one', 'settled one reply', `exited ${first.pid} ended`],
  )
  assert.deepEqual(
    heard.filter((text) => text.startsWith('ready')),
    [`ready ${first.pid}`, `ready ${workers[1]?.pid}`],
  )
})

test('a reset tells that it has ended, and why old workers stay when it failed', async (t) => {
  const { pool, settled, knobs } = scriptedPool(t)
  await settled(pool.booted)
  const whys: (string | undefined)[] = []
  pool.events.on('reset', ({ why }) => void whys.push(why?.code))
  await settled(pool.reset())
  knobs.failsBoot = true
  await assert.rejects(settled(pool.reset()))
  assert.deepEqual(whys, [undefined, 'RR_RESET_FAILED'])
})

test('an event that pools do not have, or a listener that is not one, is refused with what is expected', () => {
  const events = new PoolEmitter(recordingLogger())
  // As a plugin in JavaScript would call it.
  const on = (name: unknown, listener: unknown) => Reflect.apply(events.on, events, [name, listener])
  for (const name of ['exit', 'constructor', undefined])
    assert.throws(() => on(name, () => undefined), {
      code: 'RR_PLUGIN_API',
      message: `pools have no event ${JSON.stringify(name)}`,
      hint: 'The events are ready, exited, reset, degraded, assigned, settled.',
    })
  assert.throws(() => on('ready', 'log'), {
    code: 'RR_PLUGIN_API',
    message: 'the listener to "ready" is a string, not a function',
  })
})
