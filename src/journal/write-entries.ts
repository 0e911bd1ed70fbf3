/** Writes a compacted segment: the live entries, and nothing of the past. */
import { renameSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import type { JournalDisk } from './disk.js'
import { LogFile } from './log-file.js'
import type { JournalChange } from './record.js'

/** A live entry. */
export type LiveEntry = readonly [key: string, value: Buffer]

const chunkBytes = 2 ** 20

/** Resolves with the bytes of the segment once it is on the disk under its name. A failed one leaves nothing. */
export async function writeEntries(
  path: string,
  entries: readonly LiveEntry[],
  disk: JournalDisk,
): Promise<number> {
  const unfinished = `${path}.new`
  rmSync(unfinished, { force: true })
  const file = await LogFile.create(unfinished, disk)
  try {
    for (const chunk of chunksOf(entries)) await file.append(chunk)
  } catch (error) {
    rmSync(unfinished, { force: true })
    throw error
  } finally {
    await file.close()
  }
  renameSync(unfinished, path)
  await disk.syncFolder(dirname(path))
  return file.bytes
}

function* chunksOf(entries: readonly LiveEntry[]): Generator<readonly JournalChange[]> {
  let chunk: JournalChange[] = []
  let bytes = 0
  for (const [key, value] of entries) {
    chunk.push({ key, value })
    bytes += value.length
    if (bytes < chunkBytes) continue
    yield chunk
    chunk = []
    bytes = 0
  }
  if (chunk.length > 0) yield chunk
}
