/** The plugin `journal`: provides the driver of pipelines on the disk of this machine. */
import { definePlugin } from '../../index.js'
import { JobDriver } from '../../work/driver.js'
import { journalPart } from './part.js'

export default definePlugin({
  name: 'journal',
  on: (_, sections) => sections.has('jobs'),
  provides: JobDriver,
  parts: { [JobDriver.name]: [journalPart] },
  async setup({ clock, log }) {
    const { journalDriver } = await import('./driver.js')
    return { service: journalDriver({ clock, log }) }
  },
})
