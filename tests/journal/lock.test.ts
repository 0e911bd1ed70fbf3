import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { systemClock } from '../../src/core/clock.js'
import { lockJournal } from '../../src/journal/lock.js'

function testFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'rr-lock-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** The file of the lock, of which there is one. */
function lockFile(folder: string): string {
  const names = readdirSync(folder)
  assert.equal(names.length, 1, names.join(' '))
  return join(folder, names[0] ?? '')
}

test('of many that want a lock at once one gets it, and the others hear who has it', async (t) => {
  const folder = testFolder(t)
  const ends = await Promise.allSettled(Array.from({ length: 8 }, () => lockJournal(folder, systemClock)))
  const held = ends.flatMap((end) => (end.status === 'fulfilled' ? [end.value] : []))
  assert.equal(held.length, 1)
  assert.ok(held[0]?.isHeld())
  await assert.rejects(lockJournal(folder, systemClock), { code: 'RR_JOURNAL_LOCKED' })
  held[0]?.release()
  const next = await lockJournal(folder, systemClock)
  next.release()
})

test('the lock of a process that has ended is taken over, also when its pid is used again', async (t) => {
  const folder = testFolder(t)
  const first = await lockJournal(folder, systemClock)
  const file = lockFile(folder)
  const [, ticks = '', space = ''] = readFileSync(file, 'utf8').split(' ')
  first.release()
  const child = spawn(process.execPath, ['-e', ''])
  await once(child, 'exit')
  writeFileSync(file, `${child.pid} ${ticks} ${space}`)
  const second = await lockJournal(folder, systemClock)
  second.release()
  // Our own pid, and a process that started at another time.
  writeFileSync(lockFile(folder), `${process.pid} 1 ${space}`)
  const third = await lockJournal(folder, systemClock)
  third.release()
})

test('the lock of another container is waited for until its holder no longer renews it', async (t) => {
  const folder = testFolder(t)
  const file = join(folder, 'lock-7')
  writeFileSync(file, '1 1234 other-boot/pid:[1]')
  const waiting = lockJournal(folder, systemClock)
  let isTaken = false
  void waiting.then(() => {
    isTaken = true
  })
  await new Promise((resolve) => setImmediate(resolve))
  assert.ok(!isTaken)
  const longAgo = Date.now() / 1000 - 60
  utimesSync(file, longAgo, longAgo)
  const lock = await waiting
  assert.equal(lockFile(folder), join(folder, 'lock-8'))
  lock.release()
})
