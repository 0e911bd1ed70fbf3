/** The keys of `redis:`, which are RoadRunner's, and of a pipeline in a stream of Redis. */
import { type SectionConfig, secret, section } from '../../index.js'

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
    addrs: {
      type: 'array',
      items: { type: 'string' },
      description:
        '`HOST:PORT` of the server (without it `127.0.0.1:6379`); several are a cluster, or the sentinels.',
    },
    master_name: {
      type: 'string',
      default: '',
      description: 'Name of the master that sentinels at `addrs` know.',
    },
    username: { type: 'string', default: '', description: 'User.' },
    password: secret({ type: 'string', default: '', description: 'Password.' }),
    sentinel_password: secret({ type: 'string', default: '', description: 'Password of the sentinels.' }),
    db: {
      type: 'integer',
      minimum: 0,
      maximum: 1_000_000,
      default: 0,
      description: 'Number of the database.',
    },
    dial_timeout: {
      type: 'string',
      format: 'duration',
      default: '5s',
      description: 'Longest time until a connection stands.',
    },
    tls: {
      type: 'object',
      optional: true,
      description: 'TLS to the server.',
      properties: {
        root_ca: {
          type: 'string',
          description: 'Certificates that are trusted, instead of the system’s; PEM.',
        },
        cert: { type: 'string', description: 'Certificate that we show; PEM.' },
        key: { type: 'string', description: 'Key of `cert`; PEM.' },
      },
    },
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
    priority: {
      type: 'integer',
      minimum: 1,
      maximum: 1000,
      default: 10,
      description: 'Priority of jobs that have none; less is more often.',
    },
  },
} as const
