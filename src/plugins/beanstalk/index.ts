/** The plugin `beanstalk`: provides the driver of pipelines in a tube of beanstalkd. */
import { definePlugin } from '../../index.js'
import { JobDriver } from '../../work/driver.js'
import { beanstalkPart, beanstalkSection } from './part.js'

export default definePlugin({
  name: 'beanstalk',
  on: (_, sections) => sections.has('jobs'),
  provides: JobDriver,
  parts: { [JobDriver.name]: [beanstalkPart] },
  config: beanstalkSection,
  async setup({ config: { addr: address, timeout: timeoutMs }, clock }) {
    const { beanstalkDriver } = await import('./driver.js')
    return { service: beanstalkDriver({ address, timeoutMs, clock }) }
  },
})
