/** The plugin `amqp`: provides the driver of pipelines over RabbitMQ. */
import { randomUUID } from 'node:crypto'
import { definePlugin } from '../../index.js'
import { JobDriver } from '../../work/driver.js'
import { amqpPart } from './part.js'
import { amqpSection } from './section.js'

export default definePlugin({
  name: 'amqp',
  on: (_, sections) => sections.has('jobs') || sections.has('amqp'),
  provides: JobDriver,
  parts: { [JobDriver.name]: [amqpPart] },
  config: amqpSection,
  async setup({ config: settings, clock, log }) {
    const { amqpDriver } = await import('./driver.js')
    return { service: amqpDriver({ settings, clock, log, newId: randomUUID }) }
  },
})
