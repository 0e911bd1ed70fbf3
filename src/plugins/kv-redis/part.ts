/** The keys of a storage in Redis. RoadRunner's names. */
import type { ConfigOf } from '../../index.js'
import { redisAddressKeys } from '../../work/redis/address.js'

const time = (description: string, fallback: string) =>
  ({ type: 'string', format: 'duration', default: fallback, zero: 'allowed', description }) as const

/** The part `redis`. */
export const redisPart = {
  name: 'redis',
  description: 'Values in Redis: one server, a cluster, or a master behind sentinels.',
  properties: {
    ...redisAddressKeys,
    read_timeout: time('Longest time until a command is answered.', '3s'),
    write_timeout: time('Accepted; `read_timeout` covers the sending, too.', '3s'),
    max_retries: {
      type: 'integer',
      minimum: -1,
      maximum: 100,
      default: 3,
      description: 'Tries of a command after the connection was lost; -1: none.',
    },
    min_retry_backoff: time('Wait before the second connection; it doubles.', '8ms'),
    max_retry_backoff: time('Longest such wait.', '512ms'),
    route_by_latency: { type: 'boolean', default: false, description: 'Accepted; reads go to masters.' },
    route_randomly: { type: 'boolean', default: false, description: 'In a cluster: read from replicas.' },
    read_only: { type: 'boolean', default: false, description: 'In a cluster: read from replicas.' },
    pool_size: { type: 'integer', minimum: 0, maximum: 100_000, default: 0, description: onePipe() },
    min_idle_conns: { type: 'integer', minimum: 0, maximum: 100_000, default: 0, description: onePipe() },
    max_conn_age: time(onePipe(), '0s'),
    pool_timeout: time(onePipe(), '0s'),
    idle_timeout: time(onePipe(), '0s'),
    idle_check_freq: time(onePipe(), '0s'),
  },
} as const

function onePipe(): string {
  return 'Accepted for RoadRunner’s sake: one connection carries all commands side by side.'
}

/** Validated keys of a storage. */
export type RedisConfig = ConfigOf<typeof redisPart.properties>
