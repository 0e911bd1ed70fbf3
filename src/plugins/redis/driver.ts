/** The driver `redis`: pipelines in streams of Redis. Its client is loaded with the first pipeline. */
import type { Clock, Logger } from '../../index.js'
import { type JobDriver, jobDriver } from '../../work/driver.js'
import { redisOpener } from '../../work/redis/open-redis.js'
import { type RedisSettings, redisStreamPart } from './part.js'
import { openRedisLink } from './redis-link.js'
import { RedisSource } from './redis-source.js'
import { RedisStream } from './stream.js'
import { streamKeys } from './stream-keys.js'

/** Services of the server that the driver uses, and its section. */
export interface RedisDriverOptions {
  readonly settings: RedisSettings
  readonly clock: Clock
  readonly log: Logger
  readonly newId: () => string
}

/** Makes the driver. `open` rejects with RR_DRIVER_PACKAGE without ioredis, and with a fault of the queue where Redis cannot be reached. */
export function redisDriver({ settings, clock, newId }: RedisDriverOptions): JobDriver {
  return jobDriver(redisStreamPart, async ({ name: pipeline, config }) => {
    const opener = await redisOpener({ address: settings, user: 'redis', keys: 'the section `redis`' })
    const { group, lease: leaseMs, prefetch: readMax, priority } = config
    const queue = config.queue === '' ? pipeline : config.queue
    const keys = streamKeys(queue, config.stream)
    const consumer = `relayrunner-${newId()}`
    const stream = new RedisStream({
      keys,
      group,
      consumer,
      connect: () => openRedisLink(opener),
      faultOf: (error) => opener.fault(error, `stream "${keys.stream}"`),
    })
    await stream.open()
    return new RedisSource({
      pipeline,
      queue,
      stream,
      keys,
      group,
      consumer,
      leaseMs,
      readMax,
      priority,
      clock,
      newId,
    })
  })
}
