/** Knows which plugins use which pool: workers know one mode, and RoadRunner's clients name a pool by its plugin. */
import { ErrorCode, RelayError } from '../core/errors.js'
import type { OpenPool } from './services.js'

/** User of the pools that no plugin has opened. */
export const serverUser = 'pools'

/** Users of the pools of one server. */
export class PoolUsers {
  /** First user of each pool, with its mode. */
  readonly #first = new Map<string, OpenPool>()
  /** Pools by the name of a user, its first one each. */
  readonly #pools = new Map<string, string>()

  readonly #byPool = new Map<string, Set<string>>()

  /** Notes that a plugin uses a pool. Throws RR_POOL_MODE when another one uses it in another mode. */
  add(pool: string, user: OpenPool): void {
    const first = this.#first.get(pool)
    if (first === undefined) this.#first.set(pool, user)
    else if (first.mode !== user.mode) throw twoModes(pool, first, user)
    if (user.name === serverUser) return
    this.#byPool.set(pool, (this.#byPool.get(pool) ?? new Set()).add(user.name))
    if (!this.#pools.has(user.name)) this.#pools.set(user.name, pool)
  }

  /** Names of the plugins that have workers. */
  names(): readonly string[] {
    return [...this.#pools.keys()]
  }

  /** Names of the plugins that use a pool. */
  of(pool: string): readonly string[] {
    return [...(this.#byPool.get(pool) ?? [])]
  }

  /** Pool of a plugin; undefined when it has none. */
  poolOf(user: string): string | undefined {
    return this.#pools.get(user)
  }
}

function twoModes(pool: string, first: OpenPool, second: OpenPool): RelayError {
  const what = `pool "${pool}" is used by "${first.name}" in mode "${first.mode}" and by "${second.name}" in mode "${second.mode}"`
  return new RelayError(ErrorCode.PoolMode, what, {
    hint: 'Workers know one mode (RR_MODE): declare a pool for each under `pools:`.',
  })
}
