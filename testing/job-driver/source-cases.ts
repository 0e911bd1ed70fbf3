/** Cases of one source: what is pushed, pulled, settled and released. */
import assert from 'node:assert/strict'
import { type Delivery, jobsProtocol } from '../../src/work/index.js'
import {
  again,
  bodiesOf,
  pipelineName,
  pushAll,
  settle,
  suiteJob,
  take,
  takeWithin,
  testSources,
} from './sources.js'
import { abortLeaseMs, type JobDriverCase, type JobDriverSuite } from './suite.js'

/** Ms in which a delivery that must not come would have come. */
const quietMs = 300
const shortMs = 1000

/** Tolerance of a broker's clock. */
const clockMs = 50

/** The context that a worker of RoadRunner's gets. */
function contextOf(delivery: Delivery | undefined): Readonly<Record<string, unknown>> {
  assert.ok(delivery !== undefined)
  const { context } = jobsProtocol(pipelineName).toJob([delivery])
  return Object(JSON.parse(String(context)))
}

/** The cases. */
export function sourceCases(suite: JobDriverSuite): readonly JobDriverCase[] {
  const { guarantees } = suite
  return [
    {
      name: 'a source says itself what it promises, and has what it needs for that',
      run: async (t) => {
        const source = await (await testSources(t, suite, { lanes: guarantees.lanes })).open()
        assert.deepEqual(source.guarantees, guarantees)
        assert.equal(source.failed !== undefined, guarantees.failed === 'queue', 'who keeps failed jobs')
        assert.equal(
          source.extend !== undefined,
          guarantees.leaseMsMin > 0,
          'whether deliveries are extended',
        )
        if (guarantees.deadLetters === 'none') assert.equal((await source.keepsFailed?.()) ?? false, false)
      },
    },
    {
      name: 'a delivery that was released counts as it says',
      skip: guarantees.attempts === 'none' ? 'it counts nothing' : undefined,
      run: async (t) => {
        const source = await (await testSources(t, suite)).open()
        await pushAll(source, ['a'])
        await source.release(await take(source, 1, suite))
        const [second] = await take(source, 1, suite)
        assert.equal(second?.attempt, guarantees.attempts === 'tries' ? 1 : 2)
      },
    },
    {
      name: 'a job is delivered as it was pushed: body, name, id, headers and priority',
      run: async (t) => {
        const source = await (await testSources(t, suite)).open()
        const headers = { trace: ['x', 'ü'], 'x-tenant': ['7'] }
        const body = '{"text":"ü €","n":1}'
        await source.push?.([suiteJob({ id: 'id-1', name: 'App\\Send', body, headers, priority: 3 })])
        const [delivery] = await take(source, 1, suite)
        const { id, job, headers: sent, pipeline } = contextOf(delivery)
        assert.deepEqual([id, job, pipeline], ['id-1', 'App\\Send', pipelineName])
        // The queue may add headers of its own.
        assert.deepEqual({ ...Object(sent), ...headers }, sent)
        assert.deepEqual(
          [bodiesOf(delivery === undefined ? [] : [delivery]), delivery?.priority],
          [[body], 3],
        )
        assert.deepEqual(delivery?.attempt ?? 1, 1)
      },
    },
    {
      name: 'a body of any bytes is delivered as it was pushed',
      skip: guarantees.binary ? undefined : 'bodies are text',
      run: async (t) => {
        const source = await (await testSources(t, suite)).open()
        const body = Buffer.from(Array.from({ length: 256 }, (_, at) => 255 - at))
        await source.push?.([suiteJob({ body }), suiteJob({ id: 'empty', body: '' })])
        const [first, second] = await take(source, 2, suite)
        const bytes = [first, second].map((one) => Buffer.from(one?.body ?? 'absent'))
        const lengths = bytes.map(({ length }) => length).sort((a, b) => a - b)
        assert.deepEqual(lengths, [0, 256])
        assert.deepEqual(
          bytes.find(({ length }) => length > 0),
          body,
        )
      },
    },
    {
      name: 'a pull takes no more than is wanted, and ends when it is aborted or its time is over',
      run: async (t) => {
        const source = await (await testSources(t, suite, { leaseMs: abortLeaseMs(suite) })).open()
        const stop = new AbortController()
        const aborted = source.pull(5, stop.signal)
        stop.abort()
        assert.deepEqual(await aborted, [])
        assert.deepEqual(await takeWithin(source, 1, 50), [])
        await pushAll(source, ['a', 'b', 'c'])
        const first = await take(source, 1, suite)
        assert.equal(first.length, 1)
        assert.equal((await take(source, 2, suite)).length, 2)
      },
    },
    {
      name: 'a pull that waits gets a job that is pushed meanwhile',
      run: async (t) => {
        const source = await (await testSources(t, suite)).open()
        const waiting = take(source, 1, suite)
        await pushAll(source, ['late'])
        assert.deepEqual(bodiesOf(await waiting), ['late'])
      },
    },
    {
      name: 'jobs are delivered in the order in which they were pushed',
      skip: guarantees.ordered ? undefined : 'no order is promised',
      run: async (t) => {
        const source = await (await testSources(t, suite)).open()
        const ids = Array.from({ length: 20 }, (_, at) => `job-${at}`)
        await source.push?.(ids.map((id) => suiteJob({ id, body: id })))
        const taken = [...(await take(source, 7, suite)), ...(await take(source, 13, suite))]
        assert.deepEqual(bodiesOf(taken), ids)
      },
    },
    {
      name: 'a job with a delay is delivered after it, and not before',
      skip: guarantees.delayMsMax > 0 ? undefined : 'it knows no delays',
      run: async (t) => {
        const source = await (await testSources(t, suite)).open()
        const sinceMs = performance.now()
        await pushAll(source, ['later'], { delayMs: shortMs })
        await pushAll(source, ['now'])
        assert.deepEqual(bodiesOf(await take(source, 1, suite)), ['now'])
        assert.deepEqual(bodiesOf(await take(source, 1, suite)), ['later'])
        const waitedMs = performance.now() - sinceMs
        assert.ok(waitedMs >= shortMs - clockMs, `it came after ${Math.round(waitedMs)} ms`)
      },
    },
    {
      name: 'what is done is gone; what is to be tried again comes again after its wait, counted',
      run: async (t) => {
        const source = await (await testSources(t, suite)).open()
        await pushAll(source, ['a', 'b'])
        const taken = await take(source, 2, suite)
        const isA = (one: Delivery) => bodiesOf([one])[0] === 'a'
        const sinceMs = performance.now()
        const faults = [
          ...(await settle(source, taken.filter(isA))),
          ...(await settle(
            source,
            taken.filter((one) => !isA(one)),
            again(shortMs),
          )),
        ]
        assert.deepEqual(faults, [undefined, undefined])
        const [second] = await take(source, 1, suite)
        const waitedMs = performance.now() - sinceMs
        assert.ok(waitedMs >= shortMs - clockMs, `it came after ${Math.round(waitedMs)} ms`)
        assert.deepEqual(bodiesOf(second === undefined ? [] : [second]), ['b'])
        assert.equal(second?.id, taken.find((one) => !isA(one))?.id)
        if (guarantees.attempts !== 'none') assert.equal(second?.attempt, 2)
        const { id, job } = contextOf(second)
        assert.deepEqual([id, job], ['b', 'suite.job'])
      },
    },
    {
      name: 'what is to be tried again without a wait comes at once',
      run: async (t) => {
        const source = await (await testSources(t, suite)).open()
        await pushAll(source, ['a'])
        await settle(source, await take(source, 1, suite), again(0))
        assert.deepEqual(bodiesOf(await take(source, 1, suite)), ['a'])
      },
    },
    {
      name: 'released deliveries come again at once',
      run: async (t) => {
        const source = await (await testSources(t, suite)).open()
        const ids = ['a', 'b', 'c']
        await pushAll(source, ids)
        const [first, ...rest] = await take(source, 3, suite)
        assert.ok(first !== undefined)
        await source.release(rest)
        const again = await take(source, 2, suite)
        assert.deepEqual(bodiesOf(again).toSorted(), bodiesOf(rest).toSorted())
        if (guarantees.ordered) assert.deepEqual(bodiesOf(again), bodiesOf(rest))
        await settle(source, [first, ...again])
        assert.deepEqual(await takeWithin(source, 1, quietMs), [])
      },
    },
    {
      name: 'many are pushed and settled in one call, and none is left',
      run: async (t) => {
        const source = await (await testSources(t, suite)).open()
        const ids = Array.from({ length: 25 }, (_, at) => `job-${at}`)
        await source.push?.(ids.map((id) => suiteJob({ id, body: id })))
        const taken = await take(source, ids.length, suite)
        assert.deepEqual(bodiesOf(taken).toSorted(), ids.toSorted())
        const faults = await settle(source, taken)
        assert.deepEqual(
          faults,
          ids.map(() => undefined),
        )
        assert.deepEqual(await takeWithin(source, 1, quietMs), [])
        if (guarantees.counts === 'exact')
          assert.deepEqual(await source.counts?.(), { active: 0, delayed: 0, reserved: 0 })
      },
    },
    {
      name: 'counts say where the jobs are',
      skip: guarantees.counts === 'exact' ? undefined : 'its counts are not known',
      run: async (t) => {
        const source = await (await testSources(t, suite)).open()
        const hasDelays = guarantees.delayMsMax > 0
        await pushAll(source, ['a', 'b', 'c'])
        if (hasDelays) await pushAll(source, ['d'], { delayMs: Math.min(60_000, guarantees.delayMsMax) })
        await take(source, 2, suite)
        const counts = await source.counts?.()
        assert.deepEqual(counts, { active: 1, delayed: hasDelays ? 1 : 0, reserved: 2 })
      },
    },
    {
      name: 'a parked delivery is not delivered, and is when it is released',
      run: async (t) => {
        const source = await (await testSources(t, suite)).open()
        await pushAll(source, ['parked'])
        const parked = await take(source, 1, suite)
        assert.deepEqual((await source.park?.(parked)) ?? [undefined], [undefined])
        await pushAll(source, ['next'])
        assert.deepEqual(bodiesOf(await take(source, 1, suite)), ['next'])
        await source.release(parked)
        assert.deepEqual(bodiesOf(await take(source, 1, suite)), ['parked'])
      },
    },
    {
      name: 'what was not settled when its connection closed is delivered to the next one; what was settled is not',
      skip: guarantees.durable ? undefined : 'jobs are lost with the process',
      run: async (t) => {
        const leaseMs = guarantees.leaseMsMin
        const sources = await testSources(t, suite, leaseMs > 0 ? { leaseMs } : {})
        const first = await sources.open()
        const ids = ['a', 'b', 'c', 'd']
        await pushAll(first, ids)
        const taken = await take(first, 3, suite)
        await settle(first, taken.slice(0, 1))
        await first.close()
        const second = await sources.open()
        const left = ids.filter((id) => !bodiesOf(taken.slice(0, 1)).includes(id))
        assert.deepEqual(bodiesOf(await take(second, 3, suite)).toSorted(), left)
      },
    },
  ]
}
