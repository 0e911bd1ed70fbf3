/** The plugin `laravel-redis`: provides the driver of pipelines over the Redis queues of Laravel applications. */
import { definePlugin } from '../../index.js'
import { JobDriver } from '../../work/driver.js'
import { laravelRedisPart } from './part.js'

export default definePlugin({
  name: 'laravel-redis',
  on: 'named',
  provides: JobDriver,
  parts: { [JobDriver.name]: [laravelRedisPart] },
  async setup({ clock }) {
    const { laravelRedisDriver } = await import('./driver.js')
    return { service: laravelRedisDriver(clock) }
  },
})
