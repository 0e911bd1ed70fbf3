/** The plugin `boltdb`: RoadRunner's `boltdb` means a journal. */
import { BoltDb, definePlugin, section } from '../../index.js'
import { JobDriver } from '../../work/driver.js'
import { boltDbPart } from './part.js'

export default definePlugin({
  name: 'boltdb',
  on: (_, sections) => ['jobs', 'kv', 'boltdb'].some((name) => sections.has(name)),
  provides: [JobDriver, BoltDb],
  parts: { [JobDriver.name]: [boltDbPart] },
  config: section(
    {
      ignore_existing: {
        type: 'boolean',
        default: false,
        description:
          'Starts although a BoltDB file of RoadRunner’s is there. Its jobs and keys are not read, and the file is not touched.',
      },
      permissions: {
        type: 'integer',
        minimum: 0,
        maximum: 7777,
        description: 'RoadRunner’s mode of its files. A journal is its owner’s alone, whatever stands here.',
      },
    },
    'RoadRunner’s BoltDB files, in whose place are journals.',
  ),
  async setup({ config, clock, log }) {
    const [{ boltDbDriver }, { boltDbFiles }] = await Promise.all([
      import('./driver.js'),
      import('./files.js'),
    ])
    const files = boltDbFiles(config.ignore_existing)
    return {
      services: [
        [JobDriver, boltDbDriver({ files, clock, log })],
        [BoltDb, files],
      ],
    }
  },
})
