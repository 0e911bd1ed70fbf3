/** The driver `memory`: pipelines whose jobs are kept in this process and are lost with it. */
import type { Clock, Logger } from '../../index.js'
import { type JobDriver, jobDriver } from '../../work/driver.js'
import { MemoryQueue } from '../../work/queues/memory/memory-queue.js'
import { QueueSource } from '../../work/queues/queue-source.js'
import { memoryPart } from './part.js'

/** Services of the server that the driver uses. */
export interface MemoryDriverOptions {
  readonly clock: Clock
  readonly log: Logger
  /** Makes the ids of messages. */
  readonly newId: () => string
}

/**
 * Makes the driver. A job that is not settled stays reserved until it is; one that is to be retried is delivered again at
 * once.
 */
export function memoryDriver({ clock, log, newId }: MemoryDriverOptions): JobDriver {
  return jobDriver(memoryPart, async ({ name, config: { priority, prefetch } }) => {
    const visibilityMs = Number.POSITIVE_INFINITY
    // In flight are also jobs that wait for their next try, and failed ones that are kept: those must not hold up the others. How
    // many workers hold is bounded by the scheduler.
    const inFlightMax = Number.POSITIVE_INFINITY
    const queue = new MemoryQueue({ name, clock, newId, visibilityMs, inFlightMax })
    return new QueueSource({
      queue,
      kind: 'memory',
      clock,
      log,
      pipeline: name,
      priority,
      receiveMax: prefetch,
      retryMs: 0,
      isVolatile: true,
    })
  })
}
