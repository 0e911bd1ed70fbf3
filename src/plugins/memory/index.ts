/** The plugin `memory`: provides the driver of pipelines in memory. */
import { definePlugin } from '../../index.js'
import { JobDriver } from '../../work/driver.js'
import { memoryPart } from './part.js'

export default definePlugin({
  name: 'memory',
  on: (_, sections) => sections.has('jobs'),
  provides: JobDriver,
  parts: { [JobDriver.name]: [memoryPart] },
  async setup({ clock }) {
    const { memoryDriver } = await import('./driver.js')
    return { service: memoryDriver({ clock }) }
  },
})
