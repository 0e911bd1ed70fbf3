/** The driver `nats` keeps what its table of guarantees says, against a real nats-server. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { natsGuarantees } from '../../../src/plugins/nats/guarantees.js'
import { type CaseContext, type DriverBroker, type QueueWish, testJobDriver } from '../../../testing/index.js'
import { type NatsServer, noNats, startNats } from '../../helpers/nats-server.js'

let shared: NatsServer | undefined
let queueCount = 0

before(async () => {
  if (noNats === false) shared = await startNats()
})
after(() => shared?.end())

function queueOn({ address }: NatsServer, { leaseMs }: QueueWish) {
  queueCount += 1
  return {
    config: { stream: `work-${queueCount}`, subject: `work.${queueCount}`, ack_wait: leaseMs / 1000 },
    sections: { nats: { addr: address } },
  }
}

async function broker(t: CaseContext, wish: QueueWish): Promise<DriverBroker> {
  const server = await startNats()
  t.after(() => server.end())
  const { stop, kill, start } = server
  return { ...queueOn(server, wish), stop, kill, start }
}

if (noNats === false)
  testJobDriver({
    driver: 'nats',
    queue: async (_, wish) => {
      assert.ok(shared !== undefined)
      return queueOn(shared, wish)
    },
    broker,
    guarantees: natsGuarantees,
  })
else test('the conformance of nats', { skip: noNats }, () => undefined)
