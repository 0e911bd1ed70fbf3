/** The driver `beanstalk`: pipelines in tubes, each over connections of its own. */
import { type JobDriver, jobDriver } from '../../work/driver.js'
import { BeanstalkSource } from './beanstalk-source.js'
import type { BeanstalkPlace } from './connection.js'
import { beanstalkPart } from './part.js'

/** Makes the driver. */
export function beanstalkDriver(place: BeanstalkPlace): JobDriver {
  return jobDriver(beanstalkPart, ({ name, config: keys }) => {
    return BeanstalkSource.open({ place, pipeline: name, keys })
  })
}
