/** A durable map that survives SIGKILL at any byte, as plugins use it: each has a name of its own within a folder. Loaded when it is opened. */
import { resolve } from 'node:path'
import type { Clock } from '../core/clock.js'
import type { Logger } from '../logging/logger.js'
import type { JournalLog } from './journal-log.js'
import type { JournalChange } from './record.js'

export type { JournalChange } from './record.js'

/** Options of a journal. */
export interface JournalOptions {
  /** Folder of its files; created where it is not there. All names of a folder share one log. */
  readonly folder: string
  /** Name of the entries' owner, e.g. `jobs`; without NUL. */
  readonly name: string
  readonly clock: Clock
  readonly log: Logger
}

/** Entries of one name. */
export interface Journal {
  /** The entries on the disk, in no order that counts. Their values must not be changed. */
  entries(): Iterable<readonly [key: string, value: Buffer]>
  get(key: string): Buffer | undefined
  /**
   * Resolves when the changes are on the disk, in their order; only then are they seen. All that is written at the same time shares one
   * `fdatasync`. Rejects with RR_JOURNAL_FULL when there is no room, and with RR_JOURNAL_FAILED when the disk fails. `isEssential`: a room
   * kept for it takes the changes of a full disk; for those that free room, or that tell what has been done.
   */
  write(changes: readonly JournalChange[], options?: { readonly isEssential?: boolean }): Promise<void>
  /** Releases the folder once all of its names are closed. */
  close(): Promise<void>
}

interface Shared {
  readonly opened: Promise<JournalLog>
  users: number
  /** Resolves when it is closed; undefined while it is in use. */
  closed: Promise<unknown> | undefined
}

const segmentBytesMax = 64 * 2 ** 20
const liveBytesMax = 2 ** 30

/** Logs that are open in this process, by their folders: pipelines and storages may share one. */
const shared = new Map<string, Shared>()

/**
 * Opens a journal. Rejects with RR_JOURNAL_LOCKED while another process has the folder, and with RR_JOURNAL_CORRUPT when it cannot be read.
 */
export async function openJournal({ folder, name, clock, log }: JournalOptions): Promise<Journal> {
  const place = resolve(folder)
  // One that is being closed still has the lock.
  for (let before = shared.get(place); before?.closed !== undefined; before = shared.get(place))
    await before.closed
  const known = shared.get(place) ?? { opened: openLog(place, clock, log), users: 0, closed: undefined }
  shared.set(place, known)
  known.users += 1
  const leave = async () => {
    known.users -= 1
    if (known.users > 0) return
    known.closed ??= known.opened
      .then((opened) => opened.close())
      .catch(() => undefined)
      .finally(() => shared.delete(place))
    await known.closed
  }
  try {
    return journalOf(await known.opened, `${name}\0`, leave)
  } catch (error) {
    await leave()
    throw error
  }
}

async function openLog(folder: string, clock: Clock, log: Logger): Promise<JournalLog> {
  const [{ JournalLog }, { systemDisk }] = await Promise.all([
    import('./journal-log.js'),
    import('./disk.js'),
  ])
  return JournalLog.open({ folder, clock, log, disk: systemDisk, segmentBytesMax, liveBytesMax })
}

function journalOf(opened: JournalLog, prefix: string, leave: () => Promise<void>): Journal {
  let left: Promise<void> | undefined
  return {
    *entries() {
      for (const [key, value] of opened.entries())
        if (key.startsWith(prefix)) yield [key.slice(prefix.length), value]
    },
    get: (key) => opened.get(prefix + key),
    write: (changes, options) => {
      const own = changes.map(({ key, value }) =>
        value === undefined ? { key: prefix + key } : { key: prefix + key, value },
      )
      return opened.write(own, options?.isEssential === true)
    },
    close: () => {
      left ??= leave()
      return left
    },
  }
}
