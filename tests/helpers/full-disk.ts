/** A disk for journals that can be full, slow to sync, or broken. */
import { type JournalDisk, systemDisk } from '../../src/journal/disk.js'

/** The disk, and its troubles. */
export interface TestDisk extends JournalDisk {
  /** Bytes that may still be written; a write that is larger leaves half of itself behind. */
  roomBytes: number
  /** The error of every sync; undefined: they go well. */
  syncFault: Error | undefined
  /** Number of syncs of files. */
  syncs: number
}

/** Makes one over the machine's. */
export function testDisk(): TestDisk {
  const disk: TestDisk = {
    ...systemDisk,
    roomBytes: Number.POSITIVE_INFINITY,
    syncFault: undefined,
    syncs: 0,
    write: async (file, bytes, position) => {
      if (bytes.length <= disk.roomBytes) {
        disk.roomBytes -= bytes.length
        return systemDisk.write(file, bytes, position)
      }
      await systemDisk.write(file, bytes.subarray(0, bytes.length / 2), position)
      throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })
    },
    sync: async (file) => {
      disk.syncs += 1
      if (disk.syncFault !== undefined) throw disk.syncFault
      return systemDisk.sync(file)
    },
  }
  return disk
}
