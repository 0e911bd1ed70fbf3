/** The files of a journal: which there are, what they hold, and their repair at an open. Synchronous: nothing else goes on meanwhile. */
import {
  closeSync,
  fsyncSync,
  ftruncateSync,
  linkSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs'
import { join } from 'node:path'
import { ErrorCode, RelayError } from '../core/errors.js'
import type { Logger } from '../logging/logger.js'
import { readSegmentHead, type ScannedRecord, scanRecords } from './record.js'

const namePattern = /^segment-(\d{12})$/
const temporaryPattern = /^segment-\d{12}\.new$|^locking-/

/** Path of a segment. */
export function segmentPath(folder: string, number: number): string {
  return join(folder, `segment-${String(number).padStart(12, '0')}`)
}

/** Numbers of the segments, the oldest first. */
export function segmentNumbers(folder: string): readonly number[] {
  return readdirSync(folder)
    .flatMap((name) => Number(namePattern.exec(name)?.[1] ?? Number.NaN))
    .filter((number) => !Number.isNaN(number))
    .sort((a, b) => a - b)
}

/** Removes files that a killed process was still writing. */
export function removeUnfinished(folder: string): void {
  for (const name of readdirSync(folder))
    if (temporaryPattern.test(name)) rmSync(join(folder, name), { force: true })
}

/**
 * Hands out the records of a segment, in their order, and returns its bytes. A torn tail is cut off: it was never acknowledged. Damage
 * within is stepped over and told, and a second name keeps the file from being compacted away. Throws RR_JOURNAL_CORRUPT when nothing of a
 * segment that was once whole can be read.
 */
export function readSegment(
  folder: string,
  about: { readonly number: number; readonly isLast: boolean; readonly log: Logger },
  take: (record: ScannedRecord) => void,
): number {
  const { number, isLast, log } = about
  const path = segmentPath(folder, number)
  const bytes = readFileSync(path)
  const salt = readSegmentHead(bytes)
  if (salt === undefined) {
    // Its head is synced before its first record is written: without one it holds nothing that was acknowledged.
    if (!isLast) throw corrupt(path)
    if (bytes.length > 0) renameSync(path, damagedPath(folder, number))
    else rmSync(path)
    return 0
  }
  const { records, wholeEnd, damagedBytes } = scanRecords(bytes, salt)
  for (const record of records) take(record)
  if (damagedBytes > 0) {
    const kept = damagedPath(folder, number)
    keepAs(path, kept)
    log.error({ journal: folder, file: path, damagedBytes, kept }, 'a journal is damaged: records are lost')
  }
  const tornBytes = bytes.length - wholeEnd
  if (tornBytes > 0) {
    cut(path, wholeEnd)
    log.info(
      { journal: folder, tornBytes },
      'the end of a journal was not written whole, nothing of it was acknowledged',
    )
  }
  return wholeEnd
}

function damagedPath(folder: string, number: number): string {
  return join(folder, `damaged-${String(number).padStart(12, '0')}`)
}

function keepAs(path: string, other: string): void {
  try {
    linkSync(path, other)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  }
}

function cut(path: string, bytes: number): void {
  const file = openSync(path, 'r+')
  try {
    ftruncateSync(file, bytes)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

function corrupt(path: string): RelayError {
  return new RelayError(
    ErrorCode.JournalCorrupt,
    `the journal's file ${path} cannot be read: its head is damaged`,
    {
      hint: 'Move the file away to go on without its records, or bring it back from a backup.',
    },
  )
}
