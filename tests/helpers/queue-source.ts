/** The source of a queue as the emulator reads it. */
import type { Clock } from '../../src/core/clock.js'
import type { MessageQueue } from '../../src/work/queues/queue.js'
import { QueueSource } from '../../src/work/queues/queue-source.js'

/** A source whose deliveries are SQS's, and which tries again when the visibility ends. */
export function sourceOf(queue: MessageQueue, clock: Clock): QueueSource {
  return new QueueSource({ queue, kind: 'aws:sqs', clock })
}
