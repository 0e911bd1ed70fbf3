/** The part `sqs` of a pipeline: its keys. */
import { required } from '../../index.js'

/** Keys of a pipeline over SQS. */
export const sqsPart = {
  name: 'sqs',
  description: 'A queue of SQS, AWS’s or a compatible server’s.',
  properties: {
    queue: required({
      type: 'string',
      pattern: '^https?://[^/]+/.*[^/]$',
      patternText: 'the URL of a queue',
      description: 'URL of the queue.',
    }),
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
      description: 'Seconds until a failed message is delivered again; 0: when its visibility timeout ends.',
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
