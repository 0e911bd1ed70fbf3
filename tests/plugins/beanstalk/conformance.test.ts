/** The driver `beanstalk` keeps what its table of guarantees says, against a real beanstalkd. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { beanstalkGuarantees } from '../../../src/plugins/beanstalk/guarantees.js'
import { type CaseContext, type DriverBroker, type QueueWish, testJobDriver } from '../../../testing/index.js'
import { type BeanstalkServer, noBeanstalk, startBeanstalk } from '../../helpers/beanstalk-server.js'

let shared: BeanstalkServer | undefined
let tubeCount = 0

before(async () => {
  if (noBeanstalk === false) shared = await startBeanstalk()
})
after(() => shared?.end())

function queueOn({ address }: BeanstalkServer, { leaseMs }: QueueWish) {
  tubeCount += 1
  return {
    config: { tube: `tube-${tubeCount}`, ttr: `${leaseMs}ms` },
    sections: { beanstalk: { addr: address } },
  }
}

async function broker(t: CaseContext, wish: QueueWish): Promise<DriverBroker> {
  const server = await startBeanstalk()
  t.after(() => server.end())
  const { stop, kill, start } = server
  return { ...queueOn(server, wish), stop, kill, start }
}

if (noBeanstalk === false)
  testJobDriver({
    driver: 'beanstalk',
    queue: async (_, wish) => {
      assert.ok(shared !== undefined)
      return queueOn(shared, wish)
    },
    broker,
    guarantees: beanstalkGuarantees,
  })
else test('the conformance of beanstalk', { skip: noBeanstalk }, () => undefined)
