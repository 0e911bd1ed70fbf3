/** The plugin `sqs`: provides the driver of pipelines over SQS. */
import { definePlugin } from '../../index.js'
import { JobDriver } from '../../work/driver.js'
import { sqsPart } from './part.js'

export default definePlugin({
  name: 'sqs',
  on: (_, sections) => sections.has('jobs'),
  provides: JobDriver,
  parts: { [JobDriver.name]: [sqsPart] },
  async setup({ clock, log, env }) {
    const { sqsDriver } = await import('./driver.js')
    return { service: sqsDriver({ clock, log, env }) }
  },
})
