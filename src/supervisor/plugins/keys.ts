/** Service keys: how a plugin names what it provides and what it needs, with the type of the service. Pure. */

/** Names a service and carries its type. Two keys are the same when name and major are. */
export interface ServiceKey<T> {
  readonly name: string
  readonly major: number
  /** Providers that a need of this key takes: exactly one, one if there is one, or every one. */
  readonly takes: 'one' | 'optional' | 'all'
  /** Carries the type only; there is no value. */
  readonly type?: T
}

/** Makes the key of a service; raise `major` when its users would break. */
export function serviceKey<T>(name: string, major = 1): ServiceKey<T> {
  return { name, major, takes: 'one' }
}

/** The same key, for a service that may be absent: the need is then `T | undefined`. */
export function optional<T>(key: ServiceKey<T>): ServiceKey<T | undefined> {
  return { name: key.name, major: key.major, takes: 'optional' }
}

/**
 * The same key, for every plugin that provides it, by the plugin's name: an empty map when there is none. All of them are set up
 * before the plugin that needs them and drained after it. What that plugin itself provides is not among them.
 */
export function all<T>(key: ServiceKey<T>): ServiceKey<ReadonlyMap<string, T>> {
  return { name: key.name, major: key.major, takes: 'all' }
}

/** The key as text: two keys are the same when their name and major are. */
export function keyText(key: ServiceKey<unknown>): string {
  return `${key.name}@${key.major}`
}

/** The type of a key's service. */
export type ServiceOf<K> = K extends ServiceKey<infer S> ? S : never
