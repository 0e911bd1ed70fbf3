/**
 * Contract of storages: a plugin that brings a driver provides `KvDriver`, with the keys of its storages as a part, and the plugin `kv` opens
 * the storages that its section names.
 */
import { type ConfigOf, type Part, type Properties, serviceKey } from '../index.js'

/** Value that is to be kept. */
export interface KvItem {
  readonly key: string
  readonly value: Uint8Array
  /** Wall-clock ms of its end; undefined: it stays. In the past: the key is removed. */
  readonly expiresAtMs: number | undefined
}

/** One storage. Keys are never empty; a list may hold a key twice. Each call rejects when the storage cannot be reached. */
export interface KvStorage {
  /** Returns the keys that are there. */
  has(keys: readonly string[]): Promise<readonly string[]>
  /** Returns the values of the keys that are there. */
  get(keys: readonly string[]): Promise<ReadonlyMap<string, Uint8Array>>
  set(items: readonly KvItem[]): Promise<void>
  /** Changes the end of keys that are there. */
  expire(ends: readonly { readonly key: string; readonly expiresAtMs: number }[]): Promise<void>
  /** Returns the ends of the keys that are there; undefined for those that stay. */
  ends(keys: readonly string[]): Promise<ReadonlyMap<string, number | undefined>>
  delete(keys: readonly string[]): Promise<void>
  /** Removes everything. */
  clear(): Promise<void>
  close(): Promise<void>
}

/** Opens storages of one kind. `kvDriver` makes one. */
export interface KvDriver {
  /** Name of its part, by which a storage says `driver: NAME`. */
  readonly name: string
  /** Opens a storage. It need not be reachable yet: what cannot be done is told by its calls. */
  open(storage: { readonly name: string; readonly config: unknown }): Promise<KvStorage>
}

/** Key of the drivers. A plugin that brings one provides it, and has its part in `parts: { [KvDriver.name]: [part] }`. */
export const KvDriver = serviceKey<KvDriver>('kv.driver')

/** Makes the driver of a part, with the type of `config` from the part's properties. */
export function kvDriver<const P extends Properties>(
  part: Part & { readonly properties: P },
  open: (storage: { readonly name: string; readonly config: ConfigOf<P> }) => Promise<KvStorage>,
): KvDriver {
  return {
    name: part.name,
    // Validated against these very properties.
    open: ({ name, config }) => open({ name, config: config as ConfigOf<P> }),
  }
}
