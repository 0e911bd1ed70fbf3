/** Conformance of a dispatcher: the same behaviour whether a second delivery may wait in a worker’s pipe or not. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ErrorCode, RelayError } from '../../src/core/errors.js'
import type { Pool } from '../../src/supervisor/pool/pool.js'
import { Dispatcher, type DispatcherOptions } from '../../src/work/dispatcher.js'
import { PoisonRecords } from '../../src/work/poison-records.js'
import { Prefetch, type PrefetchMode } from '../../src/work/prefetch.js'
import { rawProtocol } from '../../src/work/protocols/raw.js'
import type { SettledSource } from '../../src/work/settler.js'
import type { Delivery, SettledDelivery } from '../../src/work/source.js'
import { VisibilityExtender } from '../../src/work/visibility-extender.js'
import { delivery, RecordingSource } from '../helpers/deliveries.js'
import { recordingLogger } from '../helpers/pool.js'
import { turnPool } from '../helpers/turn-pool.js'
import { eventually } from '../helpers/wait.js'
import { ManualClock } from '../ipc/manual-clock.js'

/** A prefetch that is open although no job has run yet. */
export function openPrefetch(mode: PrefetchMode = 'always'): Prefetch {
  const prefetch = new Prefetch(mode, new ManualClock())
  for (let jobs = 0; jobs < 32; jobs += 1) prefetch.add(0)
  return prefetch
}

/** A dispatcher over `size` workers; `run` is a worker's job by its body. */
export function dispatcherOf(
  size: number,
  run: (body: string) => unknown,
  changes: Partial<DispatcherOptions> & {
    readonly source?: RecordingSource
    readonly settledSource?: SettledSource
    readonly alone?: string[]
  } = {},
) {
  const { alone = [], source = new RecordingSource(), settledSource = source, ...others } = changes
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
  const dispatcher = new Dispatcher({
    pool,
    protocol: rawProtocol,
    source: settledSource,
    poison,
    log,
    ...others,
  })
  return { dispatcher, source, log, alone }
}

/** A source that counts the calls by which it is told. */
class CountingSource extends RecordingSource {
  readonly calls: string[][] = []

  override async settle(items: Parameters<RecordingSource['settle']>[0]) {
    this.calls.push(items.map(({ delivery: { id } }) => id))
    return super.settle(items)
  }
}

const deliveries = (...ids: readonly string[]): readonly Delivery[] => ids.map((id) => delivery(id))

/** Declares the tests. */
export function testDispatcher(prefetch: 'off' | 'always'): void {
  const make: typeof dispatcherOf = (size, run, changes = {}) =>
    dispatcherOf(size, run, prefetch === 'off' ? changes : { prefetch: openPrefetch(), ...changes })

  test(`each delivery is settled once, and those of a lane in their order, ${prefetch}`, async () => {
    const ran: string[] = []
    const { dispatcher, source } = make(2, (body) => void ran.push(body))
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

  test(`after a retry the rest of the lane is released untouched, and other lanes go on, ${prefetch}`, async () => {
    const ran: string[] = []
    const { dispatcher, source } = make(1, (body) => {
      ran.push(body)
      if (body === 'a2') throw new Error('bad')
    })
    dispatcher.offer(deliveries('a1', 'a2', 'a3', 'a4', 'b1'))
    await dispatcher.finished()
    assert.deepEqual(ran, ['a1', 'a2', 'b1'])
    assert.deepEqual(source.settled, ['a1 done', 'a2 retry', 'b1 done'])
    assert.deepEqual(source.released, ['a3', 'a4'])
  })

  test(`a lane goes on behind what failed for good, unless its source delivers that again, ${prefetch}`, async () => {
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
      const { dispatcher } = make(1, () => undefined, { source, protocol })
      dispatcher.offer(deliveries('a1', 'a2'))
      await dispatcher.finished()
      assert.deepEqual([source.settled, source.released], [settled, released])
    }
  })

  test(`a delivery that killed its worker runs alone, then is given up, ${prefetch}`, async () => {
    const died = new RelayError(ErrorCode.WorkerCrashed, 'died')
    const { dispatcher, source, alone } = make(1, () => Promise.reject(died))
    for (let times = 0; times < 3; times += 1) {
      dispatcher.offer(deliveries('1'))
      await dispatcher.finished()
    }
    assert.deepEqual(source.settled, ['1 retry', '1 fail', '1 fail'])
    assert.deepEqual(alone, ['1'])
  })

  test(`jobs that end in one turn of the event loop are settled in one call, ${prefetch}`, async () => {
    const source = new CountingSource()
    // The fifth ends a turn later.
    const later = () => new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
    const { dispatcher } = make(5, (body) => (body === '5' ? later() : ''), { source })
    dispatcher.offer(deliveries('1', '2', '3', '4', '5'))
    await dispatcher.finished()
    assert.deepEqual(source.calls, [['1', '2', '3', '4'], ['5']])
  })

  test(`a caller that cannot wait for the end of the turn has the source told at once, ${prefetch}`, async () => {
    const source = new CountingSource()
    const ends: (() => void)[] = []
    const { dispatcher } = make(2, () => new Promise<void>((resolve) => ends.push(resolve)), { source })
    dispatcher.offer(deliveries('1', '2'))
    await eventually(() => ends.length === 2)
    ends[0]?.()
    // The end of a job comes by a chain of promises, the end of the turn after all of them.
    for (let turns = 0; turns < 20 && source.calls.length === 0; turns += 1) {
      await Promise.resolve()
      dispatcher.settleNow()
    }
    assert.deepEqual(source.calls, [['1']])
    ends[1]?.()
    await dispatcher.finished()
  })

  test(`a source that answers without a promise is told as well, and its faults count, ${prefetch}`, async () => {
    const settled: string[] = []
    const source = {
      settle: (items: readonly SettledDelivery[]) => {
        settled.push(...items.map(({ delivery, verdict }) => `${delivery.id} ${verdict.kind}`))
        return items.map(({ delivery }) => (delivery.id === 'a1' ? new Error('again') : undefined))
      },
      release: (left: readonly Delivery[]) => void settled.push(...left.map(({ id }) => `${id} released`)),
    }
    const { dispatcher } = make(1, (body) => (body === 'a1' ? Promise.reject(new Error('x')) : ''), {
      settledSource: source,
    })
    dispatcher.offer(deliveries('1', 'a1', 'a2', '2'))
    await dispatcher.finished()
    assert.deepEqual(settled, ['1 done', 'a1 retry', 'a2 released', '2 done'])
  })

  test(`a worker is kept from job to job, and let go as soon as somebody else waits for it, ${prefetch}`, async () => {
    let leases = 0
    let isWanted = false
    const pool = turnPool(
      1,
      () => 0,
      (body) => {
        isWanted = body === '3'
      },
    )
    const counted: Pool = Object.assign(Object.create(pool), {
      tryAcquire: () => {
        const lease = pool.tryAcquire()
        if (lease === undefined) return undefined
        leases += 1
        const { hasRoom } = lease
        return Object.defineProperties(lease, {
          mayGoOn: { get: () => !isWanted },
          hasRoom: { value: (isNeeded: boolean) => !isWanted && hasRoom(isNeeded) },
        })
      },
    })
    const { dispatcher, source } = make(1, () => undefined, { pool: counted })
    dispatcher.offer(deliveries('1', '2', '3', '4', '5'))
    await dispatcher.finished()
    assert.equal(source.settled.length, 5)
    assert.equal(leases, 2)
  })

  test(`a delivery that cannot be made into a job comes again, and the others run, ${prefetch}`, async () => {
    const protocol = {
      ...rawProtocol,
      toJob: (list: readonly Delivery[]) => {
        if (list[0]?.id === '2') throw new Error('no job')
        return rawProtocol.toJob(list)
      },
    }
    const { dispatcher, source } = make(1, () => undefined, { protocol })
    dispatcher.offer(deliveries('1', '2', '3'))
    await dispatcher.finished()
    assert.deepEqual([...source.settled].sort(), ['1 done', '2 retry', '3 done'])
  })

  test(`ten thousand deliveries that are not run any more end without a deep stack, ${prefetch}`, async () => {
    const late = { kind: 'retry', why: { kind: 'workerTimeout', message: 'late' } } as const
    const { dispatcher, source } = make(2, () => undefined, { limits: () => late })
    dispatcher.offer(deliveries(...Array.from({ length: 10_000 }, (_, at) => String(at))))
    await dispatcher.finished()
    assert.equal(source.settled.length, 10_000)
  })

  test(`nothing more is wanted than idle workers could take now, ${prefetch}`, async () => {
    let end: () => void = () => undefined
    const held = new Promise<void>((resolve) => {
      end = resolve
    })
    const { dispatcher } = make(2, () => held)
    assert.equal(dispatcher.want, 2)
    dispatcher.offer(deliveries('1'))
    assert.equal(dispatcher.want, 1)
    dispatcher.offer(deliveries('2', '3'))
    assert.equal(dispatcher.want, 0)
    end()
    await dispatcher.finished()
    assert.equal(dispatcher.want, 2)
  })

  test(`draining releases what has not begun, lanes that are held included, ${prefetch}`, async () => {
    let end: () => void = () => undefined
    const held = new Promise<void>((resolve) => {
      end = resolve
    })
    const { dispatcher, source } = make(1, () => held)
    dispatcher.offer(deliveries('a1', 'a2', '1'))
    const drained = dispatcher.drain()
    end()
    await drained
    assert.deepEqual([source.settled, source.released], [['a1 done'], ['1', 'a2']])
  })

  test(`without a worker deliveries are released, or get the verdict that their caller has, ${prefetch}`, async () => {
    const pool: Pool = {
      ...turnPool(
        1,
        () => 0,
        () => undefined,
      ),
      tryAcquire: () => undefined,
      acquire: () => Promise.reject(new RelayError(ErrorCode.PoolNoWorkers, 'none')),
    }
    const first = make(1, () => undefined, { pool })
    first.dispatcher.offer(deliveries('1', 'a1'))
    await first.dispatcher.finished()
    assert.deepEqual([first.source.settled, first.source.released], [[], ['1', 'a1']])
    const noWorker = () => ({ kind: 'retry', why: { kind: 'noWorkers', message: 'none' } }) as const
    const second = make(1, () => undefined, { pool, noWorker })
    second.dispatcher.offer(deliveries('1', 'a1'))
    await second.dispatcher.finished()
    assert.deepEqual([second.source.settled, second.source.released], [['1 retry', 'a1 retry'], []])
  })

  test(`a source that cannot be told is warned of, and the lane stops there, ${prefetch}`, async () => {
    const source = new RecordingSource(() => {
      throw new Error('gone')
    })
    const { dispatcher, log } = make(1, (body) => (body === 'a1' ? Promise.reject(new Error('x')) : ''), {
      source,
    })
    dispatcher.offer(deliveries('1', 'a1', 'a2'))
    await dispatcher.finished()
    assert.deepEqual(source.released, ['a2'])
    assert.equal(log.lines.filter(({ level }) => level === 'warn').length, 2)
  })

  test(`the answer to a delivery that expired is dropped with a warning, and nothing is settled, ${prefetch}`, async () => {
    const clock = new ManualClock()
    const log = recordingLogger()
    const extend = () => Promise.resolve([new Error('expired')])
    const extender = new VisibilityExtender({ extend, clock, log, execTtlMs: 60_000 })
    const { dispatcher, source, log: own } = make(1, () => clock.advance(1000), { extender })
    dispatcher.offer([delivery('1', { expiresAtMs: 1000 })])
    await dispatcher.finished()
    assert.deepEqual([source.settled, source.released], [[], []])
    assert.match(own.lines.at(-1)?.message ?? '', /came too late and is dropped/)
  })
}
