/** Processes that write into one journal, each killed at a random moment: a ledger holds what they said against what is there. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { systemClock } from '../../src/core/clock.js'
import { seededRandom } from '../../src/core/random.js'
import { openJournal } from '../../src/journal/journal.js'
import { silentLogger } from '../../src/logging/logger.js'
import { valueOfKey } from './writer-values.js'

const rounds = 8
const linesMax = 1200
const program = fileURLToPath(new URL('./writer-process.js', import.meta.url))

/** Starts a writer, and kills it once it has told `lines` lines; returns all that it told. */
async function killedAfter(folder: string, round: number, lines: number): Promise<readonly string[]> {
  const child = spawn(process.execPath, [program, folder, String(round)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let text = ''
  let count = 0
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
    count += chunk.split('\n').length - 1
    if (count >= lines) child.kill('SIGKILL')
  })
  const [code, signal] = await once(child, 'close')
  assert.deepEqual([code, signal], [null, 'SIGKILL'])
  return text.split('\n').filter(Boolean)
}

test('nothing that was acknowledged is lost or comes back, whenever the process is killed', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'rr-storm-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const random = seededRandom(7)
  const live = new Set<string>()
  const deleting = new Set<string>()
  const deleted = new Set<string>()
  for (let round = 0; round < rounds; round += 1) {
    for (const line of await killedAfter(folder, round, 1 + Math.floor(random() * linesMax))) {
      const key = line.slice(1)
      if (line.startsWith('+')) live.add(key)
      else if (line.startsWith('~')) deleting.add(key)
      else deleted.add(key)
    }
    const journal = await openJournal({ folder, name: 'storm', clock: systemClock, log: silentLogger })
    const found = new Map(journal.entries())
    await journal.close()
    for (const key of live)
      if (!deleting.has(key)) assert.ok(found.has(key), `round ${round}: ${key} is lost`)
    for (const key of deleted) assert.ok(!found.has(key), `round ${round}: ${key} came back`)
    for (const [key, value] of found)
      assert.ok(value.equals(valueOfKey(key)), `round ${round}: ${key} is not whole`)
  }
  assert.ok(live.size > rounds * 10, `${live.size} writes`)
})
