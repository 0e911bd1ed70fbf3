/** The connection of a storage. A lost one is logged once, and made again for ever. */
import { type Logger, messageOf } from '../../index.js'
import { type RedisClient, type RedisOpener, redisOpener } from '../../work/redis/open-redis.js'
import type { RedisConfig } from './part.js'

/** Client of a storage, and what makes the faults of its calls. */
export interface RedisStore {
  readonly client: RedisClient
  readonly fault: RedisOpener['fault']
}

/** Begins to connect. Rejects with RR_DRIVER_PACKAGE without ioredis, and for a file of `tls` that cannot be read. */
export async function openRedisStore(name: string, config: RedisConfig, log: Logger): Promise<RedisStore> {
  const opener = await redisOpener({ address: config, user: 'redis', keys: `the storage \`kv.${name}\`` })
  const client = opener.client({
    client: {
      enableAutoPipelining: true,
      ...(config.read_timeout === 0 ? {} : { commandTimeout: config.read_timeout }),
      maxRetriesPerRequest: Math.max(0, config.max_retries),
      retryStrategy: (times: number) =>
        Math.min(config.max_retry_backoff, config.min_retry_backoff * 2 ** Math.min(times, 20)),
    },
    cluster: {
      enableAutoPipelining: true,
      scaleReads: config.read_only || config.route_randomly ? 'slave' : 'master',
    },
  })
  logConnection(client, log)
  // What it says is in the log; calls tell the rest.
  client.connect().catch(() => undefined)
  return { client, fault: opener.fault }
}

function logConnection(client: RedisClient, log: Logger): void {
  let isLost = false
  client.on('error', (error: unknown) => {
    if (!isLost) log.warn({ error: messageOf(error) }, 'redis cannot be reached; trying again')
    isLost = true
  })
  client.on('ready', () => {
    if (isLost) log.info({}, 'redis is reached again')
    isLost = false
  })
}
