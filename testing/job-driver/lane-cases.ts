/** Cases of lanes, of leases, and of two connections to one queue. */
import assert from 'node:assert/strict'
import type { Delivery, Source } from '../../src/work/index.js'
import { again, bodiesOf, pushAll, settle, take, takeWithin, testSources } from './sources.js'
import { type JobDriverCase, type JobDriverSuite, longLeaseMs, patienceOf } from './suite.js'

const quietMs = 300

/** The cases. */
export function laneCases(suite: JobDriverSuite): readonly JobDriverCase[] {
  const { lanes, leaseMsMin, shared } = suite.guarantees
  const noLanes = lanes ? undefined : 'it knows no lanes'
  const noLease = leaseMsMin > 0 ? undefined : 'deliveries do not expire'
  const notShared = shared ? undefined : 'one server alone works on a queue'
  return [
    {
      name: 'jobs of a lane are delivered in their order, also past a retry and a release',
      skip: noLanes,
      run: async (t) => {
        const source = await (await testSources(t, suite, { lanes: true })).open()
        const ids = ['a1', 'b1', 'a2', 'b2', 'a3', 'b3']
        for (const id of ids) await pushAll(source, [id], { lane: id.charAt(0) })
        const order = await inOrder(source, suite, ids.length)
        for (const lane of 'ab') {
          const found = order.filter((id) => id.startsWith(lane))
          assert.deepEqual(
            found,
            [1, 2, 3].map((n) => `${lane}${n}`),
          )
        }
      },
    },
    {
      name: 'lanes do not wait for each other',
      skip: noLanes,
      run: async (t) => {
        const source = await (await testSources(t, suite, { lanes: true })).open()
        for (const id of ['a1', 'a2', 'b1']) await pushAll(source, [id], { lane: id.charAt(0) })
        // The source may hand out more of a lane: the dispatcher runs them one by one.
        const seen: string[] = []
        while (!seen.includes('b1')) seen.push(...bodiesOf(await take(source, 1, suite)))
        assert.equal(seen[0], 'a1')
      },
    },
    {
      name: 'an extended delivery stays with its worker, beyond its lease',
      skip: noLease,
      run: async (t) => {
        const source = await (await testSources(t, suite, { leaseMs: leaseMsMin })).open()
        await pushAll(source, ['a'])
        const taken = await take(source, 1, suite)
        assert.ok((taken[0]?.expiresAtMs ?? 0) > 0, 'a delivery with a lease says when it expires')
        assert.deepEqual(await source.extend?.(taken, longLeaseMs), [undefined])
        assert.deepEqual(await takeWithin(source, 1, leaseMsMin * 2), [])
        assert.deepEqual(await settle(source, taken), [undefined])
      },
    },
    {
      name: 'a delivery whose lease has ended goes to another connection, and what the first one says is dropped',
      skip: noLease ?? notShared,
      run: async (t) => {
        const sources = await testSources(t, suite, { leaseMs: leaseMsMin })
        const [first, second] = [await sources.open(), await sources.open()]
        await pushAll(first, ['a'])
        const lost = await take(first, 1, suite)
        const taken = await take(second, 1, suite)
        assert.deepEqual([bodiesOf(taken), taken[0]?.id], [['a'], lost[0]?.id])
        await second.extend?.(taken, longLeaseMs)
        // Late words of the first one: a fault, or no effect.
        const [extended] = (await first.extend?.(lost, longLeaseMs).catch((error: unknown) => [error])) ?? []
        const [retried] = await settle(first, lost, again(0))
        assert.ok(
          extended instanceof Error || retried instanceof Error,
          'the first one hears that it is lost',
        )
        assert.deepEqual(await takeWithin(first, 1, quietMs), [])
        assert.deepEqual(await settle(second, taken), [undefined])
        assert.deepEqual(await takeWithin(second, 1, quietMs), [])
      },
    },
    {
      name: 'two connections share a queue, and a job goes to one of them',
      skip: notShared,
      run: async (t) => {
        const sources = await testSources(t, suite)
        const [first, second] = [await sources.open(), await sources.open()]
        const ids = Array.from({ length: 10 }, (_, at) => `job-${at}`)
        await pushAll(first, ids)
        const taken: Delivery[] = []
        // One of them may have less than half of the queue, or none of it for a while: that of its partitions.
        const endMs = performance.now() + patienceOf(suite) * 2
        for (let turn = 0; taken.length < ids.length && performance.now() < endMs; turn += 1) {
          const source = turn % 2 === 0 ? first : second
          const [one] = await takeWithin(source, 1, 1000)
          if (one === undefined) continue
          taken.push(one)
          await settle(source, [one])
        }
        assert.deepEqual(bodiesOf(taken).toSorted(), ids.toSorted())
        assert.deepEqual(await takeWithin(first, 1, quietMs), [])
      },
    },
  ]
}

/** Bodies in the order in which they are done; the second job is tried twice, and the third released once. */
async function inOrder(source: Source, suite: JobDriverSuite, count: number): Promise<readonly string[]> {
  const order: string[] = []
  const seen = new Map<string, number>()
  while (order.length < count) {
    const [delivery] = await take(source, 1, suite)
    assert.ok(delivery !== undefined)
    const [id = ''] = bodiesOf([delivery])
    const tries = (seen.get(id) ?? 0) + 1
    seen.set(id, tries)
    if (id === 'a2' && tries === 1) await settle(source, [delivery], again(200))
    else if (id === 'b1' && tries === 1) await source.release([delivery])
    else {
      order.push(id)
      await settle(source, [delivery])
    }
  }
  return order
}
