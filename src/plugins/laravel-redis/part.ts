/** The part `laravel-redis` of a pipeline: its keys. */
import { secret } from '../../index.js'

/** Keys of a pipeline over the Redis queue of a Laravel application. */
export const laravelRedisPart = {
  name: 'laravel-redis',
  description: 'The queue that a Laravel application keeps in Redis.',
  properties: {
    url: secret({
      type: 'string',
      pattern: '^rediss?://',
      patternText: 'redis://[USER:PASSWORD@]HOST:PORT[/DATABASE]',
      default: 'redis://127.0.0.1:6379/0',
      description: 'Address of Redis, with the database of the application’s queue connection.',
    }),
    queue: {
      type: 'string',
      default: 'default',
      description: 'Name of the queue, as the application dispatches to it.',
    },
    prefix: {
      type: 'string',
      default: '',
      description:
        'What the application puts before all keys: `database.redis.options.prefix`, by default its name and `_database_`.',
    },
    retry_after: {
      type: 'integer',
      minimum: 1,
      maximum: 86_400,
      default: 90,
      description:
        'Seconds after which a taken job comes again unless it is extended, as it is while a worker lives on it: `retry_after` of the application.',
    },
    priority: {
      type: 'integer',
      minimum: 1,
      maximum: 1000,
      default: 10,
      description: 'Priority of the pipeline’s jobs; less is more often.',
    },
  },
} as const
