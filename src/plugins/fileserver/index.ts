/** The plugin `fileserver`: serves folders on an address of their own, as RoadRunner's plugin of this name does. */
import { definePlugin } from '../../index.js'
import { fileserverSection } from './section.js'

export default definePlugin({
  name: 'fileserver',
  on: 'section',
  config: fileserverSection,
  async setup(context) {
    const { startFileserver } = await import('./start.js')
    return startFileserver(context)
  },
})
