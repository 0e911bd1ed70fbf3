/** The plugin `kv-redis`: storages in Redis, Valkey, a cluster of them, or behind sentinels. */
import { definePlugin } from '../../index.js'
import { KvDriver, kvDriver } from '../../work/key-value.js'
import { redisPart } from './part.js'

export default definePlugin({
  name: 'kv-redis',
  on: 'named',
  provides: KvDriver,
  parts: { [KvDriver.name]: [redisPart] },
  async setup({ clock, log }) {
    const { openRedisStore } = await import('./client.js')
    const { RedisStorage } = await import('./storage.js')
    return {
      service: kvDriver(
        redisPart,
        async ({ name, config }) =>
          new RedisStorage(await openRedisStore(name, config, log.named(`kv.${name}`)), () => clock.nowMs()),
      ),
    }
  },
})
