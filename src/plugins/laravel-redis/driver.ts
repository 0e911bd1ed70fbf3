/** The driver `laravel-redis`: pipelines over the Redis queues of Laravel applications, beside `queue:work` and Horizon or in their place. */
import type { Clock } from '../../index.js'
import { type JobDriver, jobDriver } from '../../work/driver.js'
import { connectRedis } from './connection.js'
import { laravelRedisPart } from './part.js'
import { LaravelRedisSource } from './source.js'

/** Makes the driver. `open` rejects with RR_DRIVER_PACKAGE without `ioredis`, and with a queue's fault without Redis. */
export function laravelRedisDriver(clock: Clock): JobDriver {
  return jobDriver(laravelRedisPart, async ({ name, config }) => {
    const connection = await connectRedis(config.url, laravelRedisPart.name)
    return new LaravelRedisSource({ connection, clock, pipeline: name, config })
  })
}
