/** The driver `memory`: pipelines whose jobs are kept in this process and are lost with it. */
import type { Clock, ConfigOf, Properties } from '../../index.js'
import { MemoryQueue } from '../../work/queues/memory/memory-queue.js'
import { QueueSource } from '../../work/queues/queue-source.js'
import type { JobDriver } from '../../work/source.js'

const config = {
  priority: {
    type: 'integer',
    minimum: 1,
    maximum: 1000,
    default: 10,
    description: 'Priority of jobs that have none; less is more often.',
  },
  prefetch: {
    type: 'integer',
    minimum: 1,
    maximum: 1_000_000,
    default: 100_000,
    description: 'Jobs that are with workers or wait for one at once.',
  },
} as const satisfies Properties

/** Services of the server that the driver uses. */
export interface MemoryDriverOptions {
  readonly clock: Clock
  /** Makes the ids of messages. */
  readonly newId: () => string
}

/** Makes the driver. A job that is not settled stays reserved until it is; one that is to be tried again comes at once. */
export function memoryDriver({ clock, newId }: MemoryDriverOptions): JobDriver {
  return {
    name: 'memory',
    config,
    open: async ({ name, config: given }) => {
      // Validated by the properties above.
      const { priority, prefetch } = given as ConfigOf<typeof config>
      const visibilityMs = Number.POSITIVE_INFINITY
      const queue = new MemoryQueue({ name, clock, newId, visibilityMs, inFlightMax: prefetch })
      return new QueueSource({ queue, kind: 'memory', clock, pipeline: name, priority, retryMs: 0 })
    },
  }
}
