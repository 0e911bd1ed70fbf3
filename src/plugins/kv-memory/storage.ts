/**
 * A storage in memory. An ended value is never read, and one timer removes those that have ended.
 *
 * Invariant: `#ends` holds exactly the values of `#values` that have an end, the next one first; `#bytes` is their size.
 */
import type { Clock, Timer } from '../../index.js'
import type { KvItem, KvStorage } from '../../work/key-value.js'
import { Heap } from '../../work/queues/memory/heap.js'

/** Options of a storage. */
export interface MemoryStorageOptions {
  readonly clock: Clock
  /** Bytes of keys and values that it holds at most. */
  readonly bytesMax: number
}

interface Kept {
  readonly key: string
  readonly value: Uint8Array
  expiresAtMs: number
}

// An entry of the map with its objects.
const entryBytes = 200
// Timers take 31 bits of ms.
const timerMsMax = 2 ** 31 - 1

/** Keeps values in memory. */
export class MemoryStorage implements KvStorage {
  readonly #clock: Clock
  readonly #bytesMax: number
  readonly #values = new Map<string, Kept>()
  readonly #ends = new Heap<Kept>((a, b) => a.expiresAtMs < b.expiresAtMs)
  #bytes = 0
  #timer: Timer | undefined

  constructor({ clock, bytesMax }: MemoryStorageOptions) {
    this.#clock = clock
    this.#bytesMax = bytesMax
  }

  async has(keys: readonly string[]): Promise<readonly string[]> {
    return [...new Set(keys)].filter((key) => this.#find(key) !== undefined)
  }

  async get(keys: readonly string[]): Promise<ReadonlyMap<string, Uint8Array>> {
    return new Map(this.#kept(keys).map(({ key, value }) => [key, value]))
  }

  /** Sets all or, when they do not fit, none. */
  async set(items: readonly KvItem[]): Promise<void> {
    this.#removeEnded()
    const bytes = items.reduce(
      (sum, { key, value }) => sum + sizeOf(key, value) - this.#sizeAt(key),
      this.#bytes,
    )
    if (bytes > this.#bytesMax)
      throw new Error(`the storage is full: ${this.#bytes} of ${this.#bytesMax} bytes are in use`)
    for (const { key, value, expiresAtMs = Number.POSITIVE_INFINITY } of items) {
      this.#remove(key)
      if (expiresAtMs > this.#clock.nowMs()) this.#add({ key, value, expiresAtMs })
    }
    this.#watch()
  }

  async expire(ends: readonly { readonly key: string; readonly expiresAtMs: number }[]): Promise<void> {
    for (const { key, expiresAtMs } of ends) {
      const kept = this.#find(key)
      if (kept === undefined) continue
      this.#ends.remove(kept)
      kept.expiresAtMs = expiresAtMs
      this.#ends.add(kept)
    }
    this.#removeEnded()
    this.#watch()
  }

  async ends(keys: readonly string[]): Promise<ReadonlyMap<string, number | undefined>> {
    return new Map(
      this.#kept(keys).map(({ key, expiresAtMs }) => [
        key,
        Number.isFinite(expiresAtMs) ? expiresAtMs : undefined,
      ]),
    )
  }

  async delete(keys: readonly string[]): Promise<void> {
    for (const key of keys) this.#remove(key)
    this.#watch()
  }

  async clear(): Promise<void> {
    for (const key of [...this.#values.keys()]) this.#remove(key)
    this.#watch()
  }

  async close(): Promise<void> {
    await this.clear()
  }

  #kept(keys: readonly string[]): readonly Kept[] {
    return keys.flatMap((key) => this.#find(key) ?? [])
  }

  #find(key: string): Kept | undefined {
    const kept = this.#values.get(key)
    return kept !== undefined && kept.expiresAtMs > this.#clock.nowMs() ? kept : undefined
  }

  #sizeAt(key: string): number {
    const kept = this.#values.get(key)
    return kept === undefined ? 0 : sizeOf(key, kept.value)
  }

  #add(kept: Kept): void {
    this.#values.set(kept.key, kept)
    if (Number.isFinite(kept.expiresAtMs)) this.#ends.add(kept)
    this.#bytes += sizeOf(kept.key, kept.value)
  }

  #remove(key: string): void {
    const kept = this.#values.get(key)
    if (kept === undefined) return
    this.#values.delete(key)
    this.#ends.remove(kept)
    this.#bytes -= sizeOf(key, kept.value)
  }

  #removeEnded(): void {
    const nowMs = this.#clock.nowMs()
    for (
      let next = this.#ends.first;
      next !== undefined && next.expiresAtMs <= nowMs;
      next = this.#ends.first
    )
      this.#remove(next.key)
  }

  /** One timer for the next end. */
  #watch(): void {
    this.#timer?.clear()
    this.#timer = undefined
    const next = this.#ends.first
    if (next === undefined) return
    const waitMs = Math.min(timerMsMax, Math.max(0, next.expiresAtMs - this.#clock.nowMs()))
    this.#timer = this.#clock.timer(
      waitMs,
      () => {
        this.#removeEnded()
        this.#watch()
      },
      { unref: true },
    )
  }
}

function sizeOf(key: string, value: Uint8Array): number {
  return entryBytes + Buffer.byteLength(key) + value.length
}
