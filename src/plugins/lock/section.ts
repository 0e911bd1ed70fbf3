/** The keys of `lock:`. RoadRunner has none. */
import { type ConfigOf, defaultsOf, secret, section } from '../../index.js'
import { redisAddressKeys } from '../../work/redis/address.js'

const redisKeys = {
  url: secret({
    type: 'string',
    pattern: '^rediss?://.+',
    patternText: 'redis://USER:PASSWORD@HOST:PORT/DB or rediss://…',
    description:
      'Address of Redis: `redis://USER:PASSWORD@HOST:PORT/DB`, or `rediss://…`; instead of `addrs`.',
  }),
  ...redisAddressKeys,
  prefix: {
    type: 'string',
    default: 'rr:lock:',
    description: 'Beginning of all keys; servers that share their locks have the same.',
  },
  lease: {
    type: 'string',
    format: 'duration',
    default: '30s',
    description:
      'Time after which locks without a `ttl` of a server that died are free; a living server extends them each third of it.',
  },
} as const

/** Section. */
export const lockSection = section(
  {
    driver: {
      type: 'string',
      enum: ['memory', 'redis'],
      default: 'memory',
      description: 'Place of the locks: the memory of this server, or a Redis that several servers share.',
    },
    config: {
      type: 'object',
      optional: true,
      description: 'Keys of the driver `redis`.',
      properties: redisKeys,
    },
  },
  'Named locks for workers, by the procedures `lock.*`; without the section they are in memory.',
  ({ driver, config }) => {
    if (driver === 'memory' && config !== undefined)
      return [{ key: 'config', what: 'only the driver "redis" has keys' }]
    const isTwice = config?.url !== undefined && config.addrs.length > 0
    return isTwice ? [{ key: 'config', what: 'either "url" or "addrs" is given' }] : []
  },
)

/** Keys of the driver `redis`. */
export type RedisLockKeys = ConfigOf<typeof redisKeys>

/** Returns the keys of `driver: redis` without `config`. */
export function redisLockDefaults(): RedisLockKeys {
  return defaultsOf({ properties: redisKeys })
}
