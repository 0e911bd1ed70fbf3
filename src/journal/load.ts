/** Reads a journal's folder: its segments in their order become the live entries. */
import type { Logger } from '../logging/logger.js'
import { readSegment, removeUnfinished, segmentNumbers } from './segments.js'

/** Contents of a folder. */
export interface LoadedEntries {
  readonly live: Map<string, Buffer>
  /** Bytes of all segments. */
  readonly bytes: number
  readonly segments: number
  /** Number of the last segment; 0: there is none. */
  readonly last: number
}

/** Loads the entries, and repairs what a killed process left. The caller holds the lock. */
export function loadEntries(folder: string, log: Logger): LoadedEntries {
  removeUnfinished(folder)
  const live = new Map<string, Buffer>()
  const numbers = segmentNumbers(folder)
  const last = numbers.at(-1) ?? 0
  let bytes = 0
  for (const number of numbers)
    bytes += readSegment(folder, { number, isLast: number === last, log }, ({ key, value }) => {
      if (value === undefined) live.delete(key)
      else live.set(key, copyOf(value))
    })
  return { live, bytes, segments: numbers.length, last }
}

/** A copy of its own memory: a part of a segment would keep all of it. */
function copyOf(value: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(value.length)
  value.copy(copy)
  return copy
}
