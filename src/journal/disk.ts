/** The files of a journal, as a port: tests fill the disk, and break it. */
import { close, constants, fdatasync, fsync, ftruncate, open, write } from 'node:fs'
import { promisify } from 'node:util'

/** Calls of a journal to its disk; file descriptors are Node's. */
export interface JournalDisk {
  /** Creates a file that is not there yet. */
  create(path: string): Promise<number>
  /**
   * Writes all bytes at a place, and resolves when they are on the disk. Rejects with ENOSPC when there is no room: a part may have been
   * written.
   */
  write(file: number, bytes: Uint8Array, position: number): Promise<void>
  truncate(file: number, bytes: number): Promise<void>
  close(file: number): Promise<void>
  /** Makes created, renamed and removed names of a folder last. */
  syncFolder(path: string): Promise<void>
}

const opened = promisify(open)
const closed = promisify(close)
const synced = promisify(fdatasync)
const folderSynced = promisify(fsync)
const truncated = promisify(ftruncate)
const written = promisify(write)

const ownerOnly = 0o600
// A file opened like this syncs its data within the write, as `fdatasync` does: one wait for a thread instead of two. Elsewhere O_DSYNC
// promises less than Node's `fdatasync`, which asks macOS to empty the cache of the disk.
const syncsWithin = process.platform === 'linux'
const creating =
  constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | (syncsWithin ? constants.O_DSYNC : 0)

/** The disk of the machine. */
export const systemDisk: JournalDisk = {
  create: (path) => opened(path, creating, ownerOnly),
  write: async (file, bytes, position) => {
    let done = 0
    while (done < bytes.length) {
      const { bytesWritten } = await written(file, bytes, done, bytes.length - done, position + done)
      done += bytesWritten
    }
    if (!syncsWithin) await synced(file)
  },
  truncate: async (file, bytes) => {
    await truncated(file, bytes)
    await synced(file)
  },
  close: (file) => closed(file),
  syncFolder: async (path) => {
    const folder = await opened(path, 'r')
    try {
      await folderSynced(folder)
    } finally {
      await closed(folder)
    }
  },
}
