/** A storage in a journal: an entry is the end of its value (8 bytes, 0: none) and the value. An ended value is never read. */
import { type Clock, type Journal, type Logger, messageOf, type Timer } from '../../index.js'
import type { KvItem, KvStorage } from '../../work/key-value.js'

/** Options of a storage. */
export interface JournalStorageOptions {
  readonly journal: Journal
  readonly clock: Clock
  readonly log: Logger
  /** Ms between two removals of ended values. */
  readonly sweepMs: number
}

interface Kept {
  /** 0: none. */
  readonly expiresAtMs: number
  readonly value: Buffer
}

const endBytes = 8

/** Keeps values on the disk: a call resolves when they are there. */
export class JournalStorage implements KvStorage {
  readonly #options: JournalStorageOptions
  #timer: Timer | undefined
  #isClosed = false

  constructor(options: JournalStorageOptions) {
    this.#options = options
    this.#watch()
  }

  async has(keys: readonly string[]): Promise<readonly string[]> {
    return [...new Set(keys)].filter((key) => this.#find(key) !== undefined)
  }

  async get(keys: readonly string[]): Promise<ReadonlyMap<string, Uint8Array>> {
    return new Map(this.#kept(keys).map(([key, { value }]) => [key, value]))
  }

  async set(items: readonly KvItem[]): Promise<void> {
    const nowMs = this.#options.clock.nowMs()
    await this.#options.journal.write(
      items.map(({ key, value, expiresAtMs = 0 }) =>
        expiresAtMs !== 0 && expiresAtMs <= nowMs ? { key } : { key, value: entryOf(expiresAtMs, value) },
      ),
    )
  }

  async expire(ends: readonly { readonly key: string; readonly expiresAtMs: number }[]): Promise<void> {
    const changes = ends.flatMap(({ key, expiresAtMs }) => {
      const kept = this.#find(key)
      return kept === undefined ? [] : [{ key, value: kept.value, expiresAtMs }]
    })
    await this.set(changes)
  }

  async ends(keys: readonly string[]): Promise<ReadonlyMap<string, number | undefined>> {
    return new Map(
      this.#kept(keys).map(([key, { expiresAtMs }]) => [key, expiresAtMs === 0 ? undefined : expiresAtMs]),
    )
  }

  async delete(keys: readonly string[]): Promise<void> {
    await this.#remove(keys.filter((key) => this.#options.journal.get(key) !== undefined))
  }

  async clear(): Promise<void> {
    await this.#remove([...this.#options.journal.entries()].map(([key]) => key))
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#timer?.clear()
    await this.#options.journal.close()
  }

  /** A removal frees room, so a full disk takes it. */
  async #remove(keys: readonly string[]): Promise<void> {
    if (keys.length === 0) return
    await this.#options.journal.write(
      keys.map((key) => ({ key })),
      { isEssential: true },
    )
  }

  #kept(keys: readonly string[]): readonly (readonly [key: string, kept: Kept])[] {
    return keys.flatMap((key) => {
      const kept = this.#find(key)
      return kept === undefined ? [] : [[key, kept] as const]
    })
  }

  #find(key: string): Kept | undefined {
    const entry = this.#options.journal.get(key)
    if (entry === undefined) return undefined
    const expiresAtMs = entry.readDoubleLE(0)
    if (expiresAtMs !== 0 && expiresAtMs <= this.#options.clock.nowMs()) return undefined
    return { expiresAtMs, value: entry.subarray(endBytes) }
  }

  #watch(): void {
    const { clock, sweepMs, journal, log } = this.#options
    const sweep = async () => {
      const ended = [...journal.entries()].map(([key]) => key).filter((key) => this.#find(key) === undefined)
      await this.#remove(ended).catch((error: unknown) =>
        log.warn({ error: messageOf(error) }, 'ended values could not be removed'),
      )
      if (!this.#isClosed) this.#watch()
    }
    this.#timer = clock.timer(sweepMs, () => void sweep(), { unref: true })
  }
}

function entryOf(expiresAtMs: number, value: Uint8Array): Buffer {
  const entry = Buffer.alloc(endBytes + value.length)
  entry.writeDoubleLE(expiresAtMs, 0)
  entry.set(value, endBytes)
  return entry
}
