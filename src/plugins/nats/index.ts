/** The plugin `nats`: provides the driver of pipelines in a stream of NATS JetStream. */
import { definePlugin } from '../../index.js'
import { JobDriver } from '../../work/driver.js'
import { natsPart, natsSection } from './part.js'

export default definePlugin({
  name: 'nats',
  on: (_, sections) => sections.has('jobs'),
  provides: JobDriver,
  parts: { [JobDriver.name]: [natsPart] },
  config: natsSection,
  async setup({ config: { addr }, clock, defer }) {
    const { natsDriver } = await import('./driver.js')
    const { driver, close } = natsDriver({ address: addr, clock })
    defer(close)
    return { service: driver }
  },
})
