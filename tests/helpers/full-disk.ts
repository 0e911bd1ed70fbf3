/** A disk for journals that can be full or broken. */
import { type JournalDisk, systemDisk } from '../../src/journal/disk.js'

/** The disk, and its troubles. */
export interface TestDisk extends JournalDisk {
  /** Bytes that may still be written; a write that is larger leaves half of itself behind. */
  roomBytes: number
  /** The error of every write, after which its bytes may be on the disk or not; undefined: they go well. */
  fault: Error | undefined
  /** Number of writes. */
  writes: number
}

/** Makes one over the machine's. */
export function testDisk(): TestDisk {
  const disk: TestDisk = {
    ...systemDisk,
    roomBytes: Number.POSITIVE_INFINITY,
    fault: undefined,
    writes: 0,
    write: async (file, bytes, position) => {
      disk.writes += 1
      if (disk.fault !== undefined) throw disk.fault
      if (bytes.length <= disk.roomBytes) {
        disk.roomBytes -= bytes.length
        return systemDisk.write(file, bytes, position)
      }
      await systemDisk.write(file, bytes.subarray(0, bytes.length / 2), position)
      throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })
    },
  }
  return disk
}
