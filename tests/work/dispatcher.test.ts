import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ErrorCode, RelayError } from '../../src/core/errors.js'
import type { Pool } from '../../src/supervisor/pool/pool.js'
import { Dispatcher, type DispatcherOptions } from '../../src/work/dispatcher.js'
import { PoisonRecords } from '../../src/work/poison-records.js'
import { rawProtocol } from '../../src/work/protocols/raw.js'
import type { Delivery } from '../../src/work/source.js'
import { VisibilityExtender } from '../../src/work/visibility-extender.js'
import { delivery, RecordingSource } from '../helpers/deliveries.js'
import { recordingLogger } from '../helpers/pool.js'
import { turnPool } from '../helpers/turn-pool.js'
import { ManualClock } from '../ipc/manual-clock.js'

/** A dispatcher over `size` workers; `run` is a worker's job by its body. */
function dispatcherOf(
  size: number,
  run: (body: string) => unknown,
  changes: Partial<DispatcherOptions> & { readonly source?: RecordingSource; readonly alone?: string[] } = {},
) {
  const { alone = [], source = new RecordingSource(), ...others } = changes
  const runAlone: Pool['runAlone'] = async ({ body }) => {
    alone.push(String(body))
    throw new RelayError(ErrorCode.WorkerCrashed, 'died')
  }
  const pool: Pool = Object.assign(
    turnPool(size, () => 0, run),
    { runAlone },
  )
  const log = recordingLogger()
  const poison = new PoisonRecords(1)
  const dispatcher = new Dispatcher({ pool, protocol: rawProtocol, source, poison, log, ...others })
  return { dispatcher, source, log, alone }
}

const deliveries = (...ids: readonly string[]): readonly Delivery[] => ids.map((id) => delivery(id))

test('each delivery is settled once, and those of a lane in their order', async () => {
  const ran: string[] = []
  const { dispatcher, source } = dispatcherOf(2, (body) => void ran.push(body))
  dispatcher.offer(deliveries('a1', 'a2', '1', 'b1', '2', 'a3'))
  await dispatcher.finished()
  assert.deepEqual(
    [...source.settled].sort(),
    ['1', '2', 'a1', 'a2', 'a3', 'b1'].map((id) => `${id} done`),
  )
  assert.deepEqual(
    ran.filter((id) => id.startsWith('a')),
    ['a1', 'a2', 'a3'],
  )
  assert.deepEqual(source.released, [])
})

test('after a retry the rest of the lane is released untouched, and other lanes go on', async () => {
  const ran: string[] = []
  const { dispatcher, source } = dispatcherOf(1, (body) => {
    ran.push(body)
    if (body === 'a2') throw new Error('bad')
  })
  dispatcher.offer(deliveries('a1', 'a2', 'a3', 'a4', 'b1'))
  await dispatcher.finished()
  assert.deepEqual(ran, ['a1', 'a2', 'b1'])
  assert.deepEqual(source.settled, ['a1 done', 'a2 retry', 'b1 done'])
  assert.deepEqual(source.released, ['a3', 'a4'])
})

test('a lane goes on behind what failed for good, unless its source delivers that again', async () => {
  for (const [fault, settled, released] of [
    [undefined, ['a1 fail', 'a2 done'], []],
    [new Error('not kept'), ['a1 fail'], ['a2']],
  ] as const) {
    const source = new RecordingSource(({ verdict }) => (verdict.kind === 'fail' ? fault : undefined))
    const protocol = {
      toJob: rawProtocol.toJob,
      verdicts: (_: unknown, [one]: readonly Delivery[]) => [
        one?.id === 'a1'
          ? ({ kind: 'fail', why: { kind: 'failed', message: 'no' } } as const)
          : ({ kind: 'done', body: new Uint8Array() } as const),
      ],
    }
    const { dispatcher } = dispatcherOf(1, () => undefined, { source, protocol })
    dispatcher.offer(deliveries('a1', 'a2'))
    await dispatcher.finished()
    assert.deepEqual([source.settled, source.released], [settled, released])
  }
})

test('a delivery that killed its worker runs alone, then is given up', async () => {
  const died = new RelayError(ErrorCode.WorkerCrashed, 'died')
  const { dispatcher, source, alone } = dispatcherOf(1, () => Promise.reject(died))
  for (let times = 0; times < 3; times += 1) {
    dispatcher.offer(deliveries('1'))
    await dispatcher.finished()
  }
  assert.deepEqual(source.settled, ['1 retry', '1 fail', '1 fail'])
  assert.deepEqual(alone, ['1'])
})

test('nothing more is wanted than idle workers could take now', async () => {
  let end: () => void = () => undefined
  const held = new Promise<void>((resolve) => {
    end = resolve
  })
  const { dispatcher } = dispatcherOf(2, () => held)
  assert.equal(dispatcher.want, 2)
  dispatcher.offer(deliveries('1'))
  assert.equal(dispatcher.want, 1)
  dispatcher.offer(deliveries('2', '3'))
  assert.equal(dispatcher.want, 0)
  end()
  await dispatcher.finished()
  assert.equal(dispatcher.want, 2)
})

test('draining releases what has not begun, lanes that are held included', async () => {
  let end: () => void = () => undefined
  const held = new Promise<void>((resolve) => {
    end = resolve
  })
  const { dispatcher, source } = dispatcherOf(1, () => held)
  dispatcher.offer(deliveries('a1', 'a2', '1'))
  const drained = dispatcher.drain()
  end()
  await drained
  assert.deepEqual([source.settled, source.released], [['a1 done'], ['1', 'a2']])
})

test('without a worker deliveries are released, or get the verdict that their caller has for it', async () => {
  const pool: Pool = {
    ...turnPool(
      1,
      () => 0,
      () => undefined,
    ),
    tryAcquire: () => undefined,
    acquire: () => Promise.reject(new RelayError(ErrorCode.PoolNoWorkers, 'none')),
  }
  const first = dispatcherOf(1, () => undefined, { pool })
  first.dispatcher.offer(deliveries('1', 'a1'))
  await first.dispatcher.finished()
  assert.deepEqual([first.source.settled, first.source.released], [[], ['1', 'a1']])
  const noWorker = () => ({ kind: 'retry', why: { kind: 'noWorkers', message: 'none' } }) as const
  const second = dispatcherOf(1, () => undefined, { pool, noWorker })
  second.dispatcher.offer(deliveries('1', 'a1'))
  await second.dispatcher.finished()
  assert.deepEqual([second.source.settled, second.source.released], [['1 retry', 'a1 retry'], []])
})

test('a source that cannot be told leaves a warning, and the lane stops behind what is not settled', async () => {
  const source = new RecordingSource(() => {
    throw new Error('gone')
  })
  const { dispatcher, log } = dispatcherOf(
    1,
    (body) => (body === 'a1' ? Promise.reject(new Error('x')) : ''),
    {
      source,
    },
  )
  dispatcher.offer(deliveries('1', 'a1', 'a2'))
  await dispatcher.finished()
  assert.deepEqual(source.released, ['a2'])
  assert.equal(log.lines.filter(({ level }) => level === 'warn').length, 2)
})

test('the answer to a delivery that expired is dropped with a warning, and nothing is settled', async () => {
  const clock = new ManualClock()
  const log = recordingLogger()
  const extend = () => Promise.resolve([new Error('expired')])
  const extender = new VisibilityExtender({ extend, clock, log, execTtlMs: 60_000 })
  const { dispatcher, source, log: own } = dispatcherOf(1, () => clock.advance(1000), { extender })
  dispatcher.offer([delivery('1', { expiresAtMs: 1000 })])
  await dispatcher.finished()
  assert.deepEqual([source.settled, source.released], [[], []])
  assert.match(own.lines.at(-1)?.message ?? '', /came too late and is dropped/)
})
