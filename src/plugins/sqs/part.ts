/** The part `sqs` of a pipeline: its keys. */
import { priorityKey } from '../../work/queues/pipeline-keys.js'

/** Keys of a pipeline over SQS. */
export const sqsPart = {
  name: 'sqs',
  description: 'A queue of SQS, AWS’s or a compatible server’s.',
  properties: {
    queue: {
      type: 'string',
      pattern: '^(https?://[^/]+/.*[^/]|[A-Za-z0-9_-]{1,80}([.]fifo)?)$',
      patternText: 'the name or the URL of a queue',
      default: 'default',
      description:
        'Name or URL of the queue. A queue that is named and not there is created; one with a URL is not.',
    },
    skip_queue_declaration: {
      type: 'boolean',
      default: false,
      description: 'A queue that is named and not there is not created.',
    },
    attributes: {
      type: 'map',
      values: { type: 'string' },
      description: 'Attributes of the queue when it is created, by SQS’s names.',
    },
    tags: { type: 'map', values: { type: 'string' }, description: 'Tags of the queue when it is created.' },
    priority: priorityKey,
    prefetch: {
      type: 'integer',
      minimum: 1,
      maximum: 10,
      default: 10,
      description: 'Messages of one receive at most.',
    },
    visibility_timeout: {
      type: 'integer',
      minimum: 0,
      maximum: 43_200,
      default: 0,
      description: 'Seconds that a received message stays hidden; 0 is the queue’s own.',
    },
    error_visibility_timeout: {
      type: 'integer',
      minimum: 0,
      maximum: 43_200,
      default: 0,
      description: 'Seconds until a failed message is delivered again; 0: as `jobs.retry` says.',
    },
    wait_time_seconds: {
      type: 'integer',
      minimum: 0,
      maximum: 20,
      default: 20,
      description: 'Seconds that a receive waits for a message.',
    },
    message_group_id: {
      type: 'string',
      description: 'Group of jobs without one, for a FIFO queue. Without it each is a group of its own.',
    },
  },
} as const
