/** The plugin `sqs`: provides the driver of pipelines over SQS. */
import { definePlugin } from '../../index.js'
import { JobDriver } from '../../work/driver.js'
import { sqsPart } from './part.js'
import { sqsSection } from './section.js'

export default definePlugin({
  name: 'sqs',
  on: (_, sections) => sections.has('jobs'),
  provides: JobDriver,
  parts: { [JobDriver.name]: [sqsPart] },
  config: sqsSection,
  async setup({ config: access, clock, log, env }) {
    const { sqsDriver } = await import('./driver.js')
    return { service: sqsDriver({ clock, log, env, access }) }
  },
})
