/** Opens the pipelines of drivers that keep jobs in a journal. */
import { type Clock, type Journal, type Logger, openJournal } from '../../../index.js'
import { queueFault } from '../queue-fault.js'
import { JournalSource } from './journal-source.js'
import { readKey, stateKey } from './stored-job.js'

/** A pipeline in a journal. */
export interface JournalPipeline {
  readonly folder: string
  /** Name of the driver. */
  readonly kind: string
  readonly pipeline: string
  readonly priority: number
  readonly pullMax: number
  /** Header that names the lane of a job; empty: none does. */
  readonly laneHeader: string
  /** Header whose values take turns within a priority; absent: jobs come by age. */
  readonly fairBy?: string | undefined
}

/** Opens it. Rejects with RR_JOURNAL_LOCKED while another server has the folder, with RR_JOURNAL_CORRUPT, or with RR_QUEUE_DENIED. */
export async function openJournalSource(
  { folder, ...about }: JournalPipeline,
  { clock, log }: { readonly clock: Clock; readonly log: Logger },
): Promise<JournalSource> {
  const journal = await openJournal({ folder, name: `jobs/${about.pipeline}`, clock, log }).catch((cause) => {
    throw folderFault(folder, cause)
  })
  try {
    await removeOrphans(journal)
    return new JournalSource({ ...about, journal, clock, log })
  } catch (error) {
    await journal.close()
    throw error
  }
}

const deniedCodes: readonly unknown[] = ['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EEXIST']

/** A folder that cannot be written may be mended while the server runs: the pipeline tries again. */
function folderFault(folder: string, cause: unknown): unknown {
  if (!(cause instanceof Error && 'code' in cause && deniedCodes.includes(cause.code))) return cause
  const what = `the journal's folder ${folder} cannot be opened: ${cause.message}`
  const hint =
    'Let the user of this server write it, or name another folder: `path` of a pipeline, `file` with driver: boltdb.'
  return queueFault({ kind: 'denied', what, hint, cause })
}

/** A crash between the two deletions of a job leaves its changes behind. */
async function removeOrphans(journal: Journal): Promise<void> {
  const sequences = new Map<number, boolean>()
  for (const [key] of journal.entries()) {
    const known = readKey(key)
    if (known?.kind === 'j') sequences.set(known.sequence, true)
    else if (known?.kind === 's' && !sequences.has(known.sequence)) sequences.set(known.sequence, false)
  }
  const orphans = [...sequences].flatMap(([sequence, hasJob]) =>
    hasJob ? [] : [{ key: stateKey(sequence) }],
  )
  if (orphans.length > 0) await journal.write(orphans, { isEssential: true })
}
