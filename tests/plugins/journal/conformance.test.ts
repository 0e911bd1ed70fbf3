import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { journalGuarantees } from '../../../src/work/queues/journal/guarantees.js'
import { testJobDriver } from '../../../testing/index.js'

testJobDriver({
  driver: 'journal',
  queue: async (t) => {
    const path = await mkdtemp(join(tmpdir(), 'rr-journal-'))
    t.after(() => rm(path, { recursive: true, force: true, maxRetries: 10 }))
    return { config: { path } }
  },
  guarantees: journalGuarantees,
})
