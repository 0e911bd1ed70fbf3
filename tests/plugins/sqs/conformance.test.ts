/** The driver `sqs` keeps what its table of guarantees says, over standard and over FIFO queues of a compatible server. */
import { sqsFifoGuarantees, sqsGuarantees } from '../../../src/work/queues/sqs/guarantees.js'
import { type CaseContext, type DriverQueue, type QueueWish, testJobDriver } from '../../../testing/index.js'
import { startSqsServer } from '../../helpers/sqs-server.js'

const queueNamed =
  (name: string) =>
  async (t: CaseContext, { leaseMs }: QueueWish): Promise<DriverQueue> => {
    const server = await startSqsServer(t)
    const { url } = server.createQueue(name, { visibilitySeconds: leaseMs / 1000 })
    return { config: { queue: url, wait_time_seconds: 1 }, env: server.env }
  }

for (const [name, guarantees] of [
  ['work', sqsGuarantees],
  ['work.fifo', sqsFifoGuarantees],
] as const)
  testJobDriver({ driver: 'sqs', queue: queueNamed(name), guarantees })
