import { type DriverQueue, testJobDriver } from '../../../testing/index.js'
import { startSqsServer } from '../../helpers/sqs-server.js'

testJobDriver({
  driver: 'sqs',
  queue: async (t, { lanes, leaseMs }): Promise<DriverQueue> => {
    const server = await startSqsServer(t)
    const { url } = server.createQueue(lanes ? 'work.fifo' : 'work', { visibilitySeconds: leaseMs / 1000 })
    return { config: { queue: url, wait_time_seconds: 1 }, env: server.env }
  },
  guarantees: {
    ordered: false,
    lanes: true,
    delayMsMax: 900_000,
    leaseMsMin: 1000,
    abortedPulls: 'lease',
    duplicates: 'crash',
    attempts: true,
    durable: true,
    shared: true,
    binary: false,
    counts: 'exact',
  },
})
