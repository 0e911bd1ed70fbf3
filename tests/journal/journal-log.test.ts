import assert from 'node:assert/strict'
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { systemClock } from '../../src/core/clock.js'
import type { JournalDisk } from '../../src/journal/disk.js'
import { systemDisk } from '../../src/journal/disk.js'
import { JournalLog } from '../../src/journal/journal-log.js'
import { MemoryLog } from '../../testing/memory-log.js'
import { testDisk } from '../helpers/full-disk.js'

interface Opened {
  readonly journal: JournalLog
  readonly log: MemoryLog
}

function testFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'rr-journal-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

async function open(
  folder: string,
  limits: { disk?: JournalDisk; segmentBytesMax?: number; liveBytesMax?: number } = {},
): Promise<Opened> {
  const log = new MemoryLog(systemClock)
  const defaults = { disk: systemDisk, segmentBytesMax: 2 ** 20, liveBytesMax: 2 ** 30 }
  const journal = await JournalLog.open({ folder, clock: systemClock, log, ...defaults, ...limits })
  return { journal, log }
}

function put(key: string, text: string) {
  return { key, value: Buffer.from(text) }
}

function contents(journal: JournalLog): Record<string, string> {
  return Object.fromEntries([...journal.entries()].map(([key, value]) => [key, value.toString()]))
}

/** Segments that have records. */
function segments(folder: string): readonly string[] {
  return readdirSync(folder)
    .filter((name) => name.startsWith('segment-'))
    .sort()
}

test('what was written is there when the journal is opened again, and what was deleted is not', async (t) => {
  const folder = testFolder(t)
  const first = await open(folder)
  await first.journal.write([put('a', '1'), put('b', '2')], false)
  await first.journal.write([{ key: 'a' }, put('b', '3'), put('', '')], false)
  assert.deepEqual(contents(first.journal), { b: '3', '': '' })
  await first.journal.close()
  const second = await open(folder)
  assert.deepEqual(contents(second.journal), { b: '3', '': '' })
  await second.journal.close()
})

test('callers that write at the same time share a write, and each sees its own changes afterwards', async (t) => {
  const folder = testFolder(t)
  const disk = testDisk()
  const { journal } = await open(folder, { disk })
  const before = disk.writes
  await Promise.all(
    Array.from({ length: 256 }, async (_, at) => {
      for (const round of [1, 2, 3]) {
        await journal.write([put(`key-${at}`, `${round}`)], false)
        assert.equal(journal.get(`key-${at}`)?.toString(), `${round}`)
      }
    }),
  )
  assert.ok(disk.writes - before <= 12, `${disk.writes - before} writes of the disk for 768`)
  await journal.close()
})

test('a journal that is cut at any byte opens with all that was acknowledged before it', async (t) => {
  const folder = testFolder(t)
  const { journal } = await open(folder)
  const path = join(folder, segments(folder)[0] ?? '')
  /** The entries after each write, by the length of the file. */
  const states: (readonly [bytes: number, entries: Record<string, string>])[] = [[0, {}]]
  const steps = [[put('a', 'one')], [put('b', 'two'), put('c', '3')], [{ key: 'a' }], [put('b', 'four')]]
  for (const step of steps) {
    await journal.write(step, false)
    states.push([readFileSync(path).length, contents(journal)])
  }
  const whole = join(testFolder(t), 'whole')
  cpSync(folder, whole, { recursive: true })
  await journal.close()
  const bytes = readFileSync(join(whole, segments(whole)[0] ?? '')).length
  for (let cut = 0; cut <= bytes; cut += 1) {
    const torn = join(testFolder(t), 'torn')
    cpSync(whole, torn, { recursive: true, filter: (name) => !name.includes('lock-') })
    truncateSync(join(torn, segments(torn)[0] ?? ''), cut)
    const again = await open(torn)
    const [, least] = states.findLast(([end]) => end <= cut) ?? []
    const found = contents(again.journal)
    // Of a write that was not acknowledged any part may be there.
    const next = states.find(([end]) => end > cut)?.[1] ?? least
    for (const [key, value] of Object.entries(found))
      assert.ok([least?.[key], next?.[key]].includes(value), `${cut}`)
    for (const key of Object.keys(least ?? {})) assert.ok(key in found || !(key in (next ?? {})), `${cut}`)
    await again.journal.write([put('after', 'cut')], false)
    await again.journal.close()
    const last = await open(torn)
    assert.deepEqual(contents(last.journal), { ...found, after: 'cut' })
    await last.journal.close()
  }
})

test('a full disk refuses what is new with one error, takes what is done, and loses nothing', async (t) => {
  const folder = testFolder(t)
  const disk = testDisk()
  const { journal } = await open(folder, { disk })
  await journal.write([put('a', '1'), put('b', '2')], false)
  disk.roomBytes = 10
  const full = { code: 'RR_JOURNAL_FULL', message: /takes no more: ENOSPC/ }
  await assert.rejects(journal.write([put('c', '3')], false), full)
  // The room that was kept: here as much as the reserve.
  const reserve = join(folder, 'reserve')
  const wasThere = existsSync(reserve)
  disk.write = async (file, bytes, position) => {
    if (existsSync(reserve)) throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' })
    return systemDisk.write(file, bytes, position)
  }
  const refused = assert.rejects(journal.write([put('d', '4')], false), { code: 'RR_JOURNAL_FULL' })
  await journal.write([{ key: 'a' }], true)
  await refused
  assert.ok(wasThere)
  assert.deepEqual(contents(journal), { b: '2' })
  await journal.write([put('e', '5')], false)
  await journal.close()
  const again = await open(folder)
  assert.deepEqual(contents(again.journal), { b: '2', e: '5' })
  await again.journal.close()
})

test('a journal takes no more live bytes than its limit, and room comes back with deletions', async (t) => {
  const { journal } = await open(testFolder(t), { liveBytesMax: 100 })
  await journal.write([put('a', 'x'.repeat(70))], false)
  await assert.rejects(journal.write([put('b', 'x'.repeat(20))], false), { code: 'RR_JOURNAL_FULL' })
  await journal.write([{ key: 'a' }], true)
  await journal.write([put('b', 'x'.repeat(20))], false)
  await journal.close()
})

test('after a write that fails a journal takes nothing any more, and reads back what was acknowledged', async (t) => {
  const folder = testFolder(t)
  const disk = testDisk()
  const { journal, log } = await open(folder, { disk })
  await journal.write([put('a', '1')], false)
  disk.fault = Object.assign(new Error('EIO: i/o error, write'), { code: 'EIO' })
  await assert.rejects(journal.write([put('b', '2')], true), { code: 'RR_JOURNAL_FAILED' })
  disk.fault = undefined
  await assert.rejects(journal.write([put('c', '3')], true), { code: 'RR_JOURNAL_FAILED' })
  assert.equal(log.lines.filter(({ level }) => level === 'error').length, 1)
  await journal.close()
  const again = await open(folder)
  assert.equal(contents(again.journal).a, '1')
  await again.journal.close()
})

test('a folder is open in one place at a time, and is free again after the close', async (t) => {
  const folder = testFolder(t)
  const { journal } = await open(folder)
  await assert.rejects(open(folder), {
    code: 'RR_JOURNAL_LOCKED',
    message: new RegExp(`process ${process.pid}`),
  })
  await journal.close()
  await (await open(folder)).journal.close()
})

test('a damaged record is told, its file is kept, and all others are there', async (t) => {
  const folder = testFolder(t)
  const first = await open(folder)
  await first.journal.write([put('a', 'one'), put('b', 'two'), put('c', 'three')], false)
  await first.journal.close()
  const name = segments(folder)[0] ?? ''
  const bytes = readFileSync(join(folder, name))
  bytes[bytes.indexOf('two')] = 0
  writeFileSync(join(folder, name), bytes)
  const { journal, log } = await open(folder)
  assert.deepEqual(contents(journal), { a: 'one', c: 'three' })
  assert.match(log.lines.find(({ level }) => level === 'error')?.message ?? '', /a journal is damaged/)
  assert.ok(existsSync(join(folder, name.replace('segment', 'damaged'))))
  await journal.close()
})

test('a segment without a head is refused unless it is the last one', async (t) => {
  const folder = testFolder(t)
  for (const key of ['a', 'b']) {
    const { journal } = await open(folder)
    await journal.write([put(key, '1')], false)
    await journal.close()
  }
  const [older = '', last = ''] = segments(folder)
  writeFileSync(join(folder, last), Buffer.alloc(100))
  const { journal } = await open(folder)
  assert.deepEqual(contents(journal), { a: '1' })
  await journal.write([put('c', '1')], false)
  await journal.close()
  writeFileSync(join(folder, older), Buffer.alloc(100))
  await assert.rejects(open(folder), { code: 'RR_JOURNAL_CORRUPT' })
})

test('compaction leaves the live entries, whatever is written beside it, and the disk gets its room back', async (t) => {
  const folder = testFolder(t)
  const { journal } = await open(folder, { segmentBytesMax: 4 * 2 ** 20 })
  const big = 'x'.repeat(400_000)
  const wanted: Record<string, string> = {}
  for (let at = 0; at < 150; at += 1) {
    const key = `key-${at % 7}`
    await Promise.all([
      journal.write([put(key, `${at}${big}`), put(`small-${at}`, `${at}`)], false),
      journal.write([{ key: `small-${at - 3}` }], true),
    ])
    wanted[key] = `${at}${big}`
    wanted[`small-${at}`] = `${at}`
    delete wanted[`small-${at - 3}`]
  }
  await journal.close()
  const bytes = segments(folder).reduce((sum, name) => sum + readFileSync(join(folder, name)).length, 0)
  assert.ok(bytes < 40 * 2 ** 20, `${bytes} bytes of 60 MB are left`)
  const again = await open(folder)
  assert.deepEqual(contents(again.journal), wanted)
  await again.journal.close()
})

test('many restarts leave few segments', async (t) => {
  const folder = testFolder(t)
  for (let at = 0; at < 40; at += 1) {
    const { journal } = await open(folder)
    await journal.write([put('a', `${at}`)], false)
    await journal.close()
  }
  assert.ok(segments(folder).length <= 18, segments(folder).join(' '))
  const { journal } = await open(folder)
  assert.deepEqual(contents(journal), { a: '39' })
  await journal.close()
})

test('any writes and reopenings leave what a map would have', async (t) => {
  const key = fc.constantFrom('a', 'b', 'c', 'd')
  const step = fc.oneof(
    { weight: 5, arbitrary: fc.record({ put: key, text: fc.string({ maxLength: 30 }) }) },
    { weight: 3, arbitrary: fc.record({ remove: key }) },
    { weight: 1, arbitrary: fc.constant('reopen' as const) },
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      const folder = testFolder(t)
      let { journal } = await open(folder, { segmentBytesMax: 60 })
      const model: Record<string, string> = {}
      for (const one of steps) {
        if (one === 'reopen') {
          await journal.close()
          journal = (await open(folder, { segmentBytesMax: 60 })).journal
        } else if ('put' in one) {
          model[one.put] = one.text
          await journal.write([put(one.put, one.text)], false)
        } else {
          delete model[one.remove]
          await journal.write([{ key: one.remove }], true)
        }
        assert.deepEqual(contents(journal), model)
      }
      await journal.close()
    }),
    { seed: 4, numRuns: 25 },
  )
})
