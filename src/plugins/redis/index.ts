/** The plugin `redis`: provides the driver of pipelines in streams of Redis. */
import { randomUUID } from 'node:crypto'
import { definePlugin } from '../../index.js'
import { JobDriver } from '../../work/driver.js'
import { redisSection, redisStreamPart } from './part.js'

export default definePlugin({
  name: 'redis',
  on: (_, sections) => sections.has('jobs') || sections.has('redis'),
  provides: JobDriver,
  parts: { [JobDriver.name]: [redisStreamPart] },
  config: redisSection,
  async setup({ config: settings, clock, log }) {
    const { redisDriver } = await import('./driver.js')
    return { service: redisDriver({ settings, clock, log, newId: randomUUID }) }
  },
})
