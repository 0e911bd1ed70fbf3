/**
 * A durable map of keys to bytes: the live entries in memory, all changes in a log on the disk (as Bitcask has it). Callers that write at the
 * same time share one write and one `fdatasync`.
 *
 * Invariant: the live entries are those of the records on the disk, in their order; what is not on the disk yet is in `#pending`. Only the
 * loop in `#run` changes either.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '../core/clock.js'
import { messageOf } from '../core/errors.js'
import type { Logger } from '../logging/logger.js'
import type { JournalDisk } from './disk.js'
import { type LoadedEntries, loadEntries } from './load.js'
import { type JournalLock, lockJournal } from './lock.js'
import { LogFile } from './log-file.js'
import { type JournalChange, keyBytesMax, recordBytes, valueBytesMax } from './record.js'
import { segmentNumbers, segmentPath } from './segments.js'
import { type LiveEntry, writeEntries } from './write-entries.js'
import { isNoRoom, journalFailed, journalFull } from './write-fault.js'

/** Options of a log. */
export interface JournalLogOptions {
  /** Created where it is not there, for its owner alone. */
  readonly folder: string
  readonly disk: JournalDisk
  readonly clock: Clock
  readonly log: Logger
  /** Bytes of a segment after which the next one begins. */
  readonly segmentBytesMax: number
  /** Bytes of live entries, which are also in memory. */
  readonly liveBytesMax: number
}

interface Pending {
  readonly changes: readonly JournalChange[]
  readonly bytes: number
  readonly isEssential: boolean
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

/** Bytes of one write. */
const batchBytesMax = 8 * 2 ** 20
/** Bytes that wait for the disk. */
const pendingBytesMax = 256 * 2 ** 20
/** Bytes of records that no longer count, from which on a compaction is worth it. */
const wasteBytesMin = 16 * 2 ** 20
const segmentsMax = 16
const compactAgainMs = 30_000
/** Room that is given up so that jobs can be acknowledged on a full disk. */
const reserveBytes = 2 ** 20

/** A log that is open. */
export class JournalLog {
  readonly #options: JournalLogOptions
  readonly #lock: JournalLock
  readonly #live: Map<string, Buffer>
  #liveBytes: number
  /** Bytes of segments beside the one that is written. */
  #oldBytes: number
  #number: number
  #file: LogFile
  #segments: number
  #pending: Pending[] = []
  #pendingBytes = 0
  #running: Promise<void> | undefined
  #compacting: Promise<void> | undefined
  #compactAtMs = 0
  #hasReserve = false
  #failure: Error | undefined
  #isClosed = false

  private constructor(
    options: JournalLogOptions,
    lock: JournalLock,
    { live, bytes, segments, last }: LoadedEntries,
    file: LogFile,
  ) {
    this.#options = options
    this.#lock = lock
    this.#live = live
    this.#oldBytes = bytes
    this.#segments = segments + 1
    this.#number = last + 1
    this.#file = file
    this.#liveBytes = [...live].reduce((sum, [key, value]) => sum + recordBytes({ key, value }), 0)
    this.#reserve()
  }

  /** Opens a folder and reads its entries. Rejects with RR_JOURNAL_LOCKED, RR_JOURNAL_CORRUPT, or what the system says. */
  static async open(options: JournalLogOptions): Promise<JournalLog> {
    const { folder, clock, disk, log } = options
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    const lock = await lockJournal(folder, clock)
    try {
      const loaded = loadEntries(folder, log)
      const file = await LogFile.create(segmentPath(folder, loaded.last + 1), disk)
      const opened = new JournalLog(options, lock, loaded, file)
      await opened.#compactIfDue()
      return opened
    } catch (error) {
      lock.release()
      throw error
    }
  }

  /** The live entries. Their values must not be changed. */
  entries(): IterableIterator<[key: string, value: Buffer]> {
    return this.#live.entries()
  }

  get(key: string): Buffer | undefined {
    return this.#live.get(key)
  }

  /**
   * Resolves when the changes are on the disk, in this order; only then are they seen. The values must not be changed afterwards. Rejects
   * with RR_JOURNAL_FULL when there is no room, which `isEssential` changes may still find, and with RR_JOURNAL_FAILED.
   */
  write(changes: readonly JournalChange[], isEssential: boolean): Promise<void> {
    const { folder, liveBytesMax } = this.#options
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    if (this.#isClosed) return Promise.reject(new Error(`the journal ${folder} is closed`))
    let bytes = 0
    for (const change of changes) {
      const problem = problemOf(change)
      if (problem !== undefined) return Promise.reject(journalFull(folder, problem))
      bytes += recordBytes(change)
    }
    if (!isEssential && this.#liveBytes + this.#pendingBytes + bytes > liveBytesMax)
      return Promise.reject(journalFull(folder, `it holds ${this.#liveBytes} bytes of ${liveBytesMax}`))
    if (this.#pendingBytes + bytes > pendingBytesMax)
      return Promise.reject(journalFull(folder, `${this.#pendingBytes} bytes wait for the disk`))
    this.#pendingBytes += bytes
    return new Promise((resolve, reject) => {
      this.#pending.push({ changes, bytes, isEssential, resolve, reject })
      this.#running ??= this.#run()
    })
  }

  /** Waits for what is being written, and releases the folder. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    await this.#running
    await this.#compacting
    await this.#file.close()
    if (this.#file.isEmpty) rmSync(this.#file.path, { force: true })
    this.#lock.release()
  }

  async #run(): Promise<void> {
    // All callers of this turn share the write.
    await new Promise((resolve) => setImmediate(resolve))
    while (this.#pending.length > 0) {
      await this.#commit(this.#nextBatch())
      await this.#rollIfDue()
      await this.#compactIfDue()
      // Those who were answered write again in this turn.
      await new Promise((resolve) => setImmediate(resolve))
    }
    this.#running = undefined
  }

  #nextBatch(): readonly Pending[] {
    let bytes = 0
    let count = 0
    for (const one of this.#pending) {
      if (count > 0 && bytes + one.bytes > batchBytesMax) break
      bytes += one.bytes
      count += 1
    }
    this.#pendingBytes -= bytes
    return this.#pending.splice(0, count)
  }

  async #commit(batch: readonly Pending[]): Promise<void> {
    if (this.#failure === undefined && !this.#lock.isHeld())
      this.#fail(new Error('another process has taken its lock'))
    if (this.#failure !== undefined) {
      for (const { reject } of batch) reject(this.#failure)
      return
    }
    try {
      await this.#file.append(batch.flatMap(({ changes }) => changes))
    } catch (error) {
      await this.#refuse(batch, error)
      return
    }
    for (const { changes, resolve } of batch) {
      for (const change of changes) this.#apply(change)
      resolve()
    }
    if (!this.#hasReserve && batch.some(({ isEssential }) => !isEssential)) this.#reserve()
  }

  #apply({ key, value }: JournalChange): void {
    const old = this.#live.get(key)
    if (old !== undefined) this.#liveBytes -= recordBytes({ key, value: old })
    if (value === undefined) this.#live.delete(key)
    else {
      this.#live.set(
        key,
        Buffer.isBuffer(value) ? value : Buffer.from(value.buffer, value.byteOffset, value.length),
      )
      this.#liveBytes += recordBytes({ key, value })
    }
  }

  /** Undoes a write that failed. On a full disk the room that was kept for it takes what is essential. */
  async #refuse(batch: readonly Pending[], error: unknown): Promise<void> {
    const { folder } = this.#options
    try {
      await this.#file.restore()
    } catch (fault) {
      this.#fail(fault)
    }
    if (!isNoRoom(error)) this.#fail(error)
    const essential = batch.filter(({ isEssential }) => isEssential)
    const canTry = this.#failure === undefined && essential.length > 0 && this.#hasReserve
    const refused = canTry ? batch.filter(({ isEssential }) => !isEssential) : batch
    const fault = this.#failure ?? journalFull(folder, messageOf(error), error)
    for (const { reject } of refused) reject(fault)
    if (!canTry) return
    this.#hasReserve = false
    rmSync(join(folder, 'reserve'), { force: true })
    await this.#commit(essential)
  }

  /** A journal whose last bytes are uncertain takes nothing any more. */
  #fail(cause: unknown): void {
    if (this.#failure !== undefined) return
    const { folder, log } = this.#options
    this.#failure = journalFailed(folder, cause)
    log.error({ journal: folder, error: messageOf(cause) }, 'a journal cannot be written any more')
  }

  #reserve(): void {
    try {
      writeFileSync(join(this.#options.folder, 'reserve'), Buffer.alloc(reserveBytes), { mode: 0o600 })
      this.#hasReserve = true
    } catch {
      // No room now: the next write that succeeds tries again.
      rmSync(join(this.#options.folder, 'reserve'), { force: true })
    }
  }

  async #rollIfDue(): Promise<void> {
    if (this.#file.bytes < this.#options.segmentBytesMax || this.#failure !== undefined) return
    await this.#roll(this.#number + 1).catch(() => undefined)
  }

  /** Begins a segment. Where that fails the old one grows. */
  async #roll(number: number): Promise<void> {
    const { folder, disk } = this.#options
    const path = segmentPath(folder, number)
    const next = await LogFile.create(path, disk).catch((error: unknown) => {
      rmSync(path, { force: true })
      throw error
    })
    const old = this.#file
    this.#file = next
    this.#number = number
    this.#oldBytes += old.bytes
    this.#segments += 1
    await old.close()
  }

  /** Begins a compaction where it is worth it; resolves when writes may go on beside it. */
  async #compactIfDue(): Promise<void> {
    const { clock, folder, log } = this.#options
    const waste = this.#oldBytes + this.#file.bytes - this.#liveBytes
    const isDue = (waste > wasteBytesMin && waste > this.#liveBytes) || this.#segments > segmentsMax
    if (!isDue || this.#compacting !== undefined || this.#failure !== undefined) return
    if (clock.monotonicMs() < this.#compactAtMs) return
    const failed = (error: unknown) => {
      this.#compactAtMs = clock.monotonicMs() + compactAgainMs
      log.warn({ journal: folder, error: messageOf(error) }, 'a journal could not be compacted')
    }
    try {
      // The number between is that of what the compaction writes.
      await this.#roll(this.#number + 2)
    } catch (error) {
      failed(error)
      return
    }
    this.#compacting = this.#compact(this.#number - 1, [...this.#live])
      .catch(failed)
      .finally(() => {
        this.#compacting = undefined
      })
  }

  /**
   * Writes the live entries into one segment and removes all older ones. Changes go on in a segment that is younger than it, so that what it
   * holds never wins over them.
   */
  async #compact(number: number, entries: readonly LiveEntry[]): Promise<void> {
    const { folder, disk } = this.#options
    const removedBytes = this.#oldBytes
    const bytes = await writeEntries(segmentPath(folder, number), entries, disk)
    // The oldest first: a deletion must not go before what it deletes.
    for (const old of segmentNumbers(folder).filter((one) => one < number)) {
      rmSync(segmentPath(folder, old), { force: true })
      await disk.syncFolder(folder)
    }
    this.#oldBytes += bytes - removedBytes
    this.#segments = segmentNumbers(folder).length
  }
}

function problemOf({ key, value }: JournalChange): string | undefined {
  // A character is three bytes at most.
  if (key.length * 3 > keyBytesMax && Buffer.byteLength(key) > keyBytesMax)
    return `a key is longer than ${keyBytesMax} bytes`
  const bytes = value?.length ?? 0
  return bytes > valueBytesMax ? `a value of ${bytes} bytes, at most ${valueBytesMax}` : undefined
}
