/** The part `boltdb` of a pipeline: RoadRunner’s keys. */
import { priorityKey } from '../../work/queues/pipeline-keys.js'

/** Keys of a pipeline that was BoltDB's. */
export const boltDbPart = {
  name: 'boltdb',
  description:
    'RoadRunner’s durable jobs, kept in a journal in the folder `FILE.journal`; a file of RoadRunner’s is not read.',
  properties: {
    file: {
      type: 'string',
      minLength: 1,
      default: 'rr.db',
      description: 'Path of RoadRunner’s file; the journal is the folder `FILE.journal` beside it.',
    },
    permissions: {
      type: 'integer',
      minimum: 0,
      maximum: 7777,
      description: 'RoadRunner’s mode of its file. A journal is its owner’s alone, whatever stands here.',
    },
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
