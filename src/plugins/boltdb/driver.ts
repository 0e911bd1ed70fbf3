/** The driver `boltdb`: RoadRunner's durable pipelines, in a journal. */
import type { BoltDbFiles, Clock, Logger } from '../../index.js'
import { type JobDriver, jobDriver } from '../../work/driver.js'
import { openJournalSource } from '../../work/queues/journal/open-journal-source.js'
import { boltDbPart } from './part.js'

/** Services of the server that the driver uses. */
export interface BoltDbDriverOptions {
  readonly files: BoltDbFiles
  readonly clock: Clock
  readonly log: Logger
}

/** Makes the driver. `open` rejects with RR_BOLTDB_FILE, RR_JOURNAL_LOCKED or RR_JOURNAL_CORRUPT. */
export function boltDbDriver({ files, clock, log }: BoltDbDriverOptions): JobDriver {
  return jobDriver(boltDbPart, async ({ name: pipeline, fairBy, config: { file, priority, prefetch } }) => {
    const folder = files.folderOf(file)
    const about = { folder, kind: 'boltdb', pipeline, priority, pullMax: prefetch, laneHeader: '', fairBy }
    return openJournalSource(about, { clock, log })
  })
}
