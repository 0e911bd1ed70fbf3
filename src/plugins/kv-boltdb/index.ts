/** The plugin `kv-boltdb`: storages that outlive the server, in a journal in place of RoadRunner's BoltDB file. */
import { BoltDb, definePlugin, openJournal } from '../../index.js'
import { KvDriver, kvDriver } from '../../work/key-value.js'

const part = {
  name: 'boltdb',
  description:
    'Values that are on the disk of this machine, in the folder `FILE.journal`; a file of RoadRunner’s is not read.',
  properties: {
    file: {
      type: 'string',
      minLength: 1,
      default: 'rr.db',
      description: 'Path of RoadRunner’s file; the journal is the folder `FILE.journal` beside it.',
    },
    permissions: {
      type: 'integer',
      minimum: 0,
      maximum: 7777,
      description: 'RoadRunner’s mode of its file. A journal is its owner’s alone, whatever stands here.',
    },
    interval: {
      type: 'integer',
      minimum: 1,
      maximum: 86_400,
      default: 60,
      description: 'Seconds between two removals of ended values, which are never read in any case.',
    },
  },
} as const

export default definePlugin({
  name: 'kv-boltdb',
  on: 'named',
  needs: { boltDb: BoltDb },
  provides: KvDriver,
  parts: { [KvDriver.name]: [part] },
  async setup({ needs, clock, log }) {
    const { JournalStorage } = await import('./storage.js')
    return {
      service: kvDriver(part, async ({ name, config }) => {
        const folder = needs.boltDb.folderOf(config.file)
        const journal = await openJournal({ folder, name: `kv ${name}`, clock, log })
        return new JournalStorage({ journal, clock, log, sweepMs: config.interval * 1000 })
      }),
    }
  },
})
