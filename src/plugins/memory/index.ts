/** The plugin `memory`: provides the driver of pipelines in memory. */
import { randomUUID } from 'node:crypto'
import { definePlugin } from '../../index.js'
import { JobDriver } from '../../work/source.js'
import { memoryDriver } from './driver.js'

export default definePlugin({
  name: 'memory',
  on: (_, sections) => sections.has('jobs'),
  provides: JobDriver,
  setup: ({ clock }) => ({ service: memoryDriver({ clock, newId: randomUUID }) }),
})
