/** The keys of `redis:`, which are RoadRunner's, and of a pipeline in a stream of Redis. */
import { type SectionConfig, secret, section } from '../../index.js'
import { priorityKey } from '../../work/queues/pipeline-keys.js'
import { redisAddressKeys } from '../../work/redis/address.js'

/** The section: where Redis is. */
export const redisSection = section(
  {
    url: secret({
      type: 'string',
      pattern: '^rediss?://.+',
      patternText: 'redis://USER:PASSWORD@HOST:PORT/DB or rediss://…',
      description:
        'Address of Redis: `redis://USER:PASSWORD@HOST:PORT/DB`, or `rediss://…`; instead of `addrs`.',
    }),
    ...redisAddressKeys,
  },
  'Redis, for pipelines of the driver `redis`.',
  ({ url, addrs }) =>
    url !== undefined && addrs.length > 0 ? [{ key: 'url', what: 'either "url" or "addrs" is given' }] : [],
)

/** Settings of the section. */
export type RedisSettings = SectionConfig<typeof redisSection>

/** Keys of a pipeline. */
export const redisStreamPart = {
  name: 'redis',
  description: 'Jobs in a stream of Redis, at the address of the section `redis`.',
  properties: {
    queue: {
      type: 'string',
      default: '',
      description: 'Name within the keys `rr:{QUEUE}:…`; empty: that of the pipeline.',
    },
    stream: {
      type: 'string',
      default: '',
      description: 'Key of the stream, where another program writes it; empty: `rr:{QUEUE}:jobs`.',
    },
    group: { type: 'string', default: 'rr', minLength: 1, description: 'Consumer group.' },
    lease: {
      type: 'string',
      format: 'duration',
      default: '30s',
      description:
        'Time after which a job of a consumer that is gone is taken over; it is extended while a worker lives on a job. The same for all servers.',
    },
    prefetch: {
      type: 'integer',
      minimum: 1,
      maximum: 10_000,
      default: 1000,
      description: 'Jobs of one read at most.',
    },
    priority: priorityKey,
  },
} as const
