import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { testJobDriver } from '../../../testing/index.js'

testJobDriver({
  driver: 'journal',
  queue: async (t) => {
    const path = await mkdtemp(join(tmpdir(), 'rr-journal-'))
    t.after(() => rm(path, { recursive: true, force: true, maxRetries: 10 }))
    return { config: { path } }
  },
  guarantees: {
    ordered: true,
    lanes: true,
    delayMsMax: 365 * 86_400_000,
    leaseMsMin: 0,
    abortedPulls: 'clean',
    duplicates: 'crash',
    attempts: true,
    durable: true,
    shared: false,
    binary: true,
    counts: 'exact',
  },
})
