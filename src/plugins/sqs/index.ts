/** The plugin `sqs`: provides the driver of pipelines over SQS. */
import { definePlugin } from '../../index.js'
import { JobDriver } from '../../work/source.js'
import { sqsDriver } from './driver.js'

export default definePlugin({
  name: 'sqs',
  on: (_, sections) => sections.has('jobs'),
  provides: JobDriver,
  setup: ({ clock, env }) => ({ service: sqsDriver({ clock, env }) }),
})
