/**
 * Writes into a journal until it is killed, and tells on standard output what was acknowledged: `+key` is on the disk, `~key` is being
 * deleted, `-key` is deleted. One system call a line, so that a kill leaves whole lines.
 */
import { writeSync } from 'node:fs'
import { systemClock } from '../../src/core/clock.js'
import { seededRandom } from '../../src/core/random.js'
import { openJournal } from '../../src/journal/journal.js'
import { silentLogger } from '../../src/logging/logger.js'
import { valueOfKey } from './writer-values.js'

const [, , folder = '', round = '0'] = process.argv
const callers = 32
const random = seededRandom(Number(round) + 1)
const journal = await openJournal({ folder, name: 'storm', clock: systemClock, log: silentLogger })
let count = 0

async function call(): Promise<void> {
  for (;;) {
    count += 1
    const key = `${round}-${count}`
    await journal.write([{ key, value: valueOfKey(key) }])
    writeSync(1, `+${key}\n`)
    if (random() < 0.2) continue
    writeSync(1, `~${key}\n`)
    await journal.write([{ key }], { isEssential: true })
    writeSync(1, `-${key}\n`)
  }
}

await Promise.all(Array.from({ length: callers }, call))
