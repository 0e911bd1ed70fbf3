/** A storage in Redis. Commands of one turn go out in one write; each has one key, so that a cluster takes them, too. */
import type { KvItem, KvStorage } from '../../work/key-value.js'
import type { RedisStore } from './client.js'

const missing = -2
const endless = -1

/** Keeps values in Redis. */
export class RedisStorage implements KvStorage {
  readonly #client: RedisStore['client']
  readonly #faultOf: RedisStore['fault']
  readonly #nowMs: () => number

  constructor({ client, fault }: RedisStore, nowMs: () => number) {
    this.#client = client
    this.#faultOf = fault
    this.#nowMs = nowMs
  }

  async has(keys: readonly string[]): Promise<readonly string[]> {
    const found = await this.#each(keys, (key) => this.#client.exists(key))
    return found.filter(([, count]) => count > 0).map(([key]) => key)
  }

  async get(keys: readonly string[]): Promise<ReadonlyMap<string, Uint8Array>> {
    const found = await this.#each(keys, (key) => this.#client.getBuffer(key))
    return new Map(found.flatMap(([key, value]) => (value === null ? [] : [[key, value] as const])))
  }

  async set(items: readonly KvItem[]): Promise<void> {
    await this.#all(
      items.map(({ key, value, expiresAtMs }): Promise<unknown> => {
        if (expiresAtMs === undefined) return this.#client.set(key, Buffer.from(value))
        // Redis refuses an end in the past.
        return expiresAtMs <= this.#nowMs()
          ? this.#client.del(key)
          : this.#client.set(key, Buffer.from(value), 'PXAT', expiresAtMs)
      }),
    )
  }

  async expire(ends: readonly { readonly key: string; readonly expiresAtMs: number }[]): Promise<void> {
    await this.#all(ends.map(({ key, expiresAtMs }) => this.#client.pexpireat(key, expiresAtMs)))
  }

  async ends(keys: readonly string[]): Promise<ReadonlyMap<string, number | undefined>> {
    const found = await this.#each(keys, (key) => this.#client.pttl(key))
    return new Map(
      found
        .filter(([, leftMs]) => leftMs !== missing)
        .map(([key, leftMs]) => [key, leftMs === endless ? undefined : this.#nowMs() + leftMs]),
    )
  }

  async delete(keys: readonly string[]): Promise<void> {
    await this.#all(keys.map((key) => this.#client.del(key)))
  }

  /** Empties the whole database, as RoadRunner does. */
  async clear(): Promise<void> {
    const masters = 'nodes' in this.#client ? this.#client.nodes('master') : [this.#client]
    await this.#all(masters.map((one) => one.flushdb()))
  }

  async close(): Promise<void> {
    this.#client.disconnect()
  }

  #each<T>(
    keys: readonly string[],
    ask: (key: string) => Promise<T>,
  ): Promise<readonly (readonly [key: string, answer: T])[]> {
    return this.#all([...new Set(keys)].map(async (key) => [key, await ask(key)] as const))
  }

  async #all<T>(calls: readonly Promise<T>[]): Promise<T[]> {
    try {
      return await Promise.all(calls)
    } catch (error) {
      throw this.#faultOf(error)
    }
  }
}
