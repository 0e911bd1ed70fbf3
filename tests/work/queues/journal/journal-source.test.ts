import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Journal } from '../../../../src/journal/journal.js'
import { JournalSource } from '../../../../src/work/queues/journal/journal-source.js'
import type { Delivery, Source } from '../../../../src/work/source.js'
import { MemoryLog } from '../../../../testing/memory-log.js'
import { newJob } from '../../../helpers/queue-source.js'
import { ManualClock } from '../../../ipc/manual-clock.js'

const never = new AbortController().signal
const done = { kind: 'done', body: new Uint8Array() } as const
const retry = { kind: 'retry', why: { kind: 'failed', message: 'broken' } } as const

/** A journal in memory whose writes can fail. */
function testJournal() {
  const entries = new Map<string, Buffer>()
  const state: { fault: Error | undefined } = { fault: undefined }
  const journal: Journal = {
    entries: () => entries,
    get: (key) => entries.get(key),
    write: async (changes) => {
      if (state.fault !== undefined) throw state.fault
      for (const { key, value } of changes)
        if (value === undefined) entries.delete(key)
        else entries.set(key, Buffer.from(value))
    },
    close: async () => undefined,
  }
  return { entries, state, journal }
}

function open(journal: Journal, clock = new ManualClock()) {
  const log = new MemoryLog(clock)
  const about = { kind: 'journal', pipeline: 'mail', priority: 7, pullMax: 100, laneHeader: 'tenant' }
  const source = new JournalSource({ journal, clock, log, ...about })
  return { clock, log, source }
}

async function pull(source: Source, count = 1): Promise<readonly Delivery[]> {
  const taken = await source.pull(count, never, 0)
  assert.equal(taken.length, count)
  return taken
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

test('a job that is done is not run again while the disk is full, and leaves it as soon as there is room', async () => {
  const { journal, state, entries } = testJournal()
  const { source, clock, log } = open(journal)
  await source.push([newJob({ id: 'a' })])
  const taken = await pull(source)
  state.fault = new Error('no room')
  const [fault] = await source.settle(taken.map((delivery) => ({ delivery, verdict: done })))
  assert.equal(fault?.message, 'no room')
  assert.deepEqual(await source.pull(1, never, 0), [])
  clock.advance(1000)
  await turn()
  state.fault = undefined
  assert.equal(entries.size, 1)
  clock.advance(1000)
  await turn()
  assert.equal(entries.size, 0)
  assert.match(log.lines.at(-1)?.message ?? '', /are off the disk now/)
})

test('a push that is refused leaves nothing behind, and the next one is taken', async () => {
  const { journal, state } = testJournal()
  const { source } = open(journal)
  state.fault = new Error('no room')
  await assert.rejects(source.push([newJob({ id: 'a' })]), /no room/)
  state.fault = undefined
  await source.push([newJob({ id: 'b' })])
  const [delivery] = await pull(source)
  assert.equal(Object(delivery?.record.messageAttributes).rr_id.stringValue, 'b')
  assert.deepEqual(await source.counts(), { active: 0, delayed: 0, reserved: 1 })
})

test('tries, waits and lanes outlive the process; a job that was in hand comes again', async () => {
  const { journal } = testJournal()
  const first = open(journal)
  await first.source.push([
    newJob({ id: 'a', headers: { tenant: ['x'] } }),
    newJob({ id: 'b', delayMs: 5000 }),
    newJob({ id: 'c', priority: 0 }),
  ])
  // Of the pipeline's own priority, a weight of 7, before those of 10.
  const [c, a] = await pull(first.source, 2)
  assert.ok(a !== undefined && c !== undefined)
  await first.source.settle([{ delivery: a, verdict: { ...retry, afterMs: 3000 } }])
  const { source, clock } = open(journal, first.clock)
  const [again] = await pull(source)
  assert.deepEqual([again?.id, again?.attempt, again?.priority], [c.id, 1, 7])
  clock.advance(3000)
  const [retried] = await pull(source)
  assert.deepEqual([retried?.id, retried?.attempt, retried?.lane], [a.id, 2, 'x'])
  clock.advance(2000)
  await pull(source)
})

test('a delivery is settled or released once: the second word has a fault and no effect', async () => {
  const { journal } = testJournal()
  const { source } = open(journal)
  await source.push([newJob({ id: 'a' })])
  const first = await pull(source)
  await source.release(first)
  const second = await pull(source)
  const [late] = await source.settle(first.map((delivery) => ({ delivery, verdict: done })))
  assert.match(late?.message ?? '', /not in hand/)
  assert.deepEqual(await source.settle(second.map((delivery) => ({ delivery, verdict: done }))), [undefined])
  await source.release(second)
  assert.deepEqual(await source.counts(), { active: 0, delayed: 0, reserved: 0 })
})

test('a kept job leaves its lane to the next, is listed with its reason, and comes back anew', async () => {
  const { journal } = testJournal()
  const { source } = open(journal)
  for (const id of ['a', 'b']) await source.push([newJob({ id, lane: 'x' })])
  const [a] = await pull(source)
  assert.ok(a !== undefined)
  await source.failed.keep({ delivery: a, why: 'broken', attempt: 3 })
  const [b] = await pull(source)
  assert.ok(b !== undefined && b.id !== a.id)
  await source.settle([{ delivery: b, verdict: done }])
  const reopened = open(journal).source
  const [kept] = await reopened.failed.list(10)
  assert.deepEqual([kept?.id, kept?.name, kept?.why, kept?.attempt], [a.id, 'app.job', 'broken', 3])
  assert.equal(await reopened.failed.redrive(['unknown']), 0)
  assert.equal(await reopened.failed.redrive(), 1)
  assert.equal(await reopened.failed.count(), 0)
  const [back] = await pull(reopened)
  assert.deepEqual([back?.id, back?.attempt], [a.id, 1])
})

test('ids are not used again by a later process, whatever its clock says', async () => {
  const { journal } = testJournal()
  const { source, clock } = open(journal)
  await source.push([newJob({ id: 'a' })])
  const [a] = await pull(source)
  const second = open(journal, clock)
  await second.source.push([newJob({ id: 'b' })])
  const ids = (await pull(second.source, 2)).map(({ id }) => id)
  assert.equal(ids[0], a?.id)
  assert.ok(Number(ids[1]) > Number(ids[0]))
})
