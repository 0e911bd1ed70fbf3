/**
 * The segment that a journal appends to: a file whose bytes up to `bytes` are on the disk. A write that fails leaves it as it was.
 */
import { getRandomValues } from 'node:crypto'
import { dirname } from 'node:path'
import type { JournalDisk } from './disk.js'
import { encodeRecords, encodeSegmentHead, type JournalChange, segmentHeadBytes } from './record.js'

/** An open segment. */
export class LogFile {
  readonly path: string
  readonly #disk: JournalDisk
  readonly #file: number
  readonly #salt: number
  #bytes = segmentHeadBytes

  private constructor(path: string, disk: JournalDisk, file: number, salt: number) {
    this.path = path
    this.#disk = disk
    this.#file = file
    this.#salt = salt
  }

  /** Creates it; resolves when its name and head are on the disk. */
  static async create(path: string, disk: JournalDisk): Promise<LogFile> {
    const [salt = 0] = getRandomValues(new Uint32Array(1))
    const file = await disk.create(path)
    try {
      await disk.write(file, encodeSegmentHead(salt), 0)
      await disk.syncFolder(dirname(path))
    } catch (error) {
      await disk.close(file)
      throw error
    }
    return new LogFile(path, disk, file, salt)
  }

  /** Bytes on the disk. */
  get bytes(): number {
    return this.#bytes
  }

  /** True while it has no record. */
  get isEmpty(): boolean {
    return this.#bytes === segmentHeadBytes
  }

  /** Appends changes; resolves when they are on the disk. After a rejection `restore` has to be called. */
  async append(changes: readonly JournalChange[]): Promise<void> {
    const bytes = encodeRecords(changes, this.#salt)
    await this.#disk.write(this.#file, bytes, this.#bytes)
    this.#bytes += bytes.length
  }

  /** Cuts off what a failed append has left. */
  async restore(): Promise<void> {
    await this.#disk.truncate(this.#file, this.#bytes)
  }

  async close(): Promise<void> {
    await this.#disk.close(this.#file)
  }
}
