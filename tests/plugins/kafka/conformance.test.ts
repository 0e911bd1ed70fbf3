/** The driver `kafka` keeps what its table of guarantees says, against a real broker. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { kafkaGuarantees } from '../../../src/plugins/kafka/guarantees.js'
import { type CaseContext, type DriverBroker, testJobDriver } from '../../../testing/index.js'
import { type KafkaBroker, noKafka, startKafka } from '../../helpers/kafka-server.js'

let shared: KafkaBroker | undefined
let queueCount = 0

before(async () => {
  if (noKafka === false) shared = await startKafka()
})
after(() => shared?.end())

function queueOn({ address }: KafkaBroker) {
  queueCount += 1
  return {
    config: {
      auto_create_topics_enable: true,
      partitions: 4,
      consumer_options: { topics: [`work-${queueCount}`] },
      group_options: { session_timeout: '3s' },
    },
    sections: { kafka: { brokers: [address] } },
  }
}

async function broker(t: CaseContext): Promise<DriverBroker> {
  const server = await startKafka()
  t.after(() => server.end())
  const { stop, kill, start } = server
  return { ...queueOn(server), stop, kill, start }
}

if (noKafka === false)
  testJobDriver({
    driver: 'kafka',
    queue: async () => {
      assert.ok(shared !== undefined)
      return queueOn(shared)
    },
    broker,
    guarantees: kafkaGuarantees,
    patienceMs: 15_000,
  })
else test('the conformance of kafka', { skip: noKafka }, () => undefined)
