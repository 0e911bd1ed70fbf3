/** The pools as plugins see them: without the server's part, and with listeners that are removed with their plugin. */
import type { PoolEmitter } from './pool/events.js'
import type { ManagedPool } from './pool/pool.js'
import type { PoolState, PoolsService } from './services.js'

/** Returns the pools for one plugin: `defer` takes what is to be undone with it. */
export function poolsForPlugin(
  host: Omit<PoolsService, 'on'>,
  events: PoolEmitter,
  defer: (undo: () => unknown) => void,
): PoolsService {
  return {
    open: (pool, options) => host.open(pool, options),
    get: (name) => host.get(name),
    names: () => host.names(),
    list: () => host.list(),
    reset: (name) => host.reset(name),
    resize: (name, size) => host.resize(name, size),
    on: (event, listener) => {
      const remove = events.on(event, listener)
      defer(remove)
      return remove
    },
  }
}

/** Returns the state of a pool; of one that is not open when `pool` is undefined. */
export function poolState(
  name: string,
  plugins: readonly string[],
  pool: ManagedPool | undefined,
): PoolState {
  if (pool === undefined)
    return { name, plugins, isOpen: false, liveCount: 0, waitingCount: 0, isDegraded: false }
  const { liveCount, waitingCount, health } = pool
  return { name, plugins, isOpen: true, liveCount, waitingCount, isDegraded: health.isDegraded }
}
