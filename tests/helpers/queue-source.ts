/** The source of a queue as the emulator reads it. */
import type { Clock } from '../../src/core/clock.js'
import { type Logger, silentLogger } from '../../src/logging/logger.js'
import type { MessageQueue } from '../../src/work/queues/message-queue.js'
import { QueueSource } from '../../src/work/queues/queue-source.js'
import type { NewJob } from '../../src/work/source.js'

/** A source whose deliveries are SQS's, and which tries again when the visibility ends. */
export function sourceOf(queue: MessageQueue, clock: Clock, log: Logger = silentLogger): QueueSource {
  return new QueueSource({ queue, kind: 'aws:sqs', clock, log })
}

/** A job with defaults. */
export function newJob(job: Partial<NewJob> = {}): NewJob {
  return { id: 'job', name: 'app.job', body: '{}', headers: {}, priority: 10, delayMs: 0, ...job }
}
