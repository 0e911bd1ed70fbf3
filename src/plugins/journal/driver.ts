/** The driver `journal`: pipelines whose jobs are on the disk of this machine. */
import type { Clock, Logger } from '../../index.js'
import { type JobDriver, jobDriver } from '../../work/driver.js'
import { openJournalSource } from '../../work/queues/journal/open-journal-source.js'
import { journalPart } from './part.js'

/** Makes the driver. `open` rejects with RR_JOURNAL_LOCKED or RR_JOURNAL_CORRUPT. */
export function journalDriver(services: { readonly clock: Clock; readonly log: Logger }): JobDriver {
  return jobDriver(journalPart, async ({ name: pipeline, fairBy, config }) => {
    const { path: folder, priority, prefetch: pullMax, lane_header: laneHeader } = config
    return openJournalSource(
      { folder, kind: 'journal', pipeline, priority, pullMax, laneHeader, fairBy },
      services,
    )
  })
}
