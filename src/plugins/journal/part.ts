/** The part `journal` of a pipeline: its keys. */
import { priorityKey } from '../../work/queues/pipeline-keys.js'

/** Keys of a pipeline in a journal. */
export const journalPart = {
  name: 'journal',
  description: 'Jobs that are kept on the disk of this machine, without a broker: they outlive the server.',
  properties: {
    path: {
      type: 'string',
      minLength: 1,
      default: 'var/jobs.journal',
      description:
        'Folder of the journal, created where it is not there. Pipelines may share one, servers may not.',
    },
    priority: priorityKey,
    prefetch: {
      type: 'integer',
      minimum: 1,
      maximum: 1_000_000,
      default: 100_000,
      description: 'Jobs of one receive at most.',
    },
    lane_header: {
      type: 'string',
      default: '',
      description:
        'Header of a job that names its lane. Jobs of one lane run one after the other, in the order in which they were pushed.',
    },
  },
} as const
