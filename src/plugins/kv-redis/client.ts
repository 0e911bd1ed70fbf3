/** Connects to Redis by ioredis, an optional package. A lost connection is logged once, and made again for ever. */
import { readFile } from 'node:fs/promises'
import type { Cluster, Redis } from 'ioredis'
import { type Logger, messageOf } from '../../index.js'
import { loadClient } from '../../work/queues/client-package.js'
import type { RedisConfig } from './part.js'

/** One server, a cluster, or a master behind sentinels: commands are the same. */
export type RedisClient = Redis | Cluster

const addressDefault = '127.0.0.1:6379'
const portDefault = 6379

/** Begins to connect. Rejects with RR_DRIVER_PACKAGE without ioredis, and for a file of `tls` that cannot be read. */
export async function openRedis(config: RedisConfig, log: Logger): Promise<RedisClient> {
  const { default: ioredis } = await loadClient({
    packages: ['ioredis'],
    driver: 'redis',
    load: () => import('ioredis'),
  })
  const addresses = (config.addrs.length === 0 ? [addressDefault] : config.addrs).map(addressOf)
  const [first = addressOf(addressDefault)] = addresses
  const options = await optionsOf(config)
  const client =
    config.master_name !== ''
      ? new ioredis.Redis({
          ...options,
          sentinels: [...addresses],
          name: config.master_name,
          ...(config.sentinel_password === '' ? {} : { sentinelPassword: config.sentinel_password }),
        })
      : addresses.length === 1
        ? new ioredis.Redis({ ...options, ...first })
        : new ioredis.Cluster([...addresses], {
            redisOptions: options,
            enableAutoPipelining: true,
            scaleReads: config.read_only || config.route_randomly ? 'slave' : 'master',
          })
  logConnection(client, log)
  return client
}

async function optionsOf(config: RedisConfig) {
  const { username, password, db, tls } = config
  const file = async (path: string) => (path === '' ? undefined : await readFile(path))
  return {
    db,
    enableAutoPipelining: true,
    connectTimeout: config.dial_timeout,
    ...(config.read_timeout === 0 ? {} : { commandTimeout: config.read_timeout }),
    maxRetriesPerRequest: Math.max(0, config.max_retries),
    retryStrategy: (times: number) =>
      Math.min(config.max_retry_backoff, config.min_retry_backoff * 2 ** Math.min(times, 20)),
    ...(username === '' ? {} : { username }),
    ...(password === '' ? {} : { password }),
    ...(tls === undefined
      ? {}
      : { tls: { ca: await file(tls.root_ca), cert: await file(tls.cert), key: await file(tls.key) } }),
  }
}

function addressOf(text: string): { readonly host: string; readonly port: number } {
  const [, host = text, port] = /^(?:tcp:\/\/|redis:\/\/)?(.*?)(?::(\d+))?$/.exec(text) ?? []
  return { host: host.replace(/^\[|\]$/g, ''), port: port === undefined ? portDefault : Number(port) }
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
