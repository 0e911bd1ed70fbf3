/** The part `memory` of a pipeline: its keys. */
import { priorityKey } from '../../work/queues/pipeline-keys.js'

/** Keys of a pipeline in memory. */
export const memoryPart = {
  name: 'memory',
  description: 'Jobs that are kept in this process and are lost with it.',
  properties: {
    priority: priorityKey,
    prefetch: {
      type: 'integer',
      minimum: 1,
      maximum: 1_000_000,
      default: 100_000,
      description: 'Jobs of one receive at most.',
    },
  },
} as const
