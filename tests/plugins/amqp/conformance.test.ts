/** The driver `amqp` keeps what its table of guarantees says, against a real RabbitMQ. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { amqpGuarantees } from '../../../src/plugins/amqp/guarantees.js'
import { type CaseContext, type DriverBroker, testJobDriver } from '../../../testing/index.js'
import { missingRabbit, type Rabbit, startRabbit } from '../../helpers/rabbitmq.js'

let shared: Rabbit | undefined
let queueCount = 0

before(async () => {
  if (missingRabbit === false) shared = await startRabbit()
})
after(() => shared?.end())

function queueOn({ addr }: Rabbit) {
  queueCount += 1
  return {
    config: { queue: `work-${queueCount}`, exchange: 'work', durable: true, exchange_durable: true },
    sections: { amqp: { addr } },
  }
}

async function broker(t: CaseContext): Promise<DriverBroker> {
  const rabbit = await startRabbit()
  t.after(() => rabbit.end())
  const { stop, kill, start } = rabbit
  return { ...queueOn(rabbit), stop, kill, start }
}

if (missingRabbit === false)
  testJobDriver({
    driver: 'amqp',
    queue: async () => {
      assert.ok(shared !== undefined)
      return queueOn(shared)
    },
    broker,
    guarantees: amqpGuarantees,
  })
else test('the conformance of amqp', { skip: missingRabbit }, () => undefined)
