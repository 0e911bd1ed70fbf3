/** The plugin `kafka`: provides the driver of pipelines in topics of Kafka. Experimental. */
import { definePlugin } from '../../index.js'
import { JobDriver } from '../../work/driver.js'
import { kafkaPart, kafkaSection } from './part.js'

export default definePlugin({
  name: 'kafka',
  on: (_, sections) => sections.has('jobs') || sections.has('kafka'),
  provides: JobDriver,
  parts: { [JobDriver.name]: [kafkaPart] },
  config: kafkaSection,
  async setup({ config: settings, clock, log }) {
    const { kafkaDriver } = await import('./driver.js')
    return { service: kafkaDriver({ settings, clock, log }) }
  },
})
