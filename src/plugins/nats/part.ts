/** The keys of `nats:`, and of a pipeline in a stream. */
import { secret, section } from '../../index.js'
import { priorityKey } from '../../work/queues/pipeline-keys.js'

/** The section: where the server is. */
export const natsSection = section(
  {
    addr: secret({
      type: 'string',
      default: 'nats://127.0.0.1:4222',
      pattern: '^(nats|tls)://',
      patternText: 'nats://USER:PASSWORD@HOST:PORT, or tls://…; several with commas between them',
      description: 'Address of the server, or of several of a cluster; a token stands where the user would.',
    }),
  },
  'The server of pipelines whose driver is `nats`.',
)

const name = {
  type: 'string',
  pattern: '^[^\\s.*>/\\\\]+$',
  patternText: 'a name without blanks, `.`, `*`, `>` and slashes',
} as const

/** Keys of a pipeline. */
export const natsPart = {
  name: 'nats',
  description: 'Jobs in a stream of NATS JetStream.',
  properties: {
    subject: {
      type: 'string',
      pattern: '^[^\\s]+$',
      patternText: 'a subject without blanks',
      default: 'default',
      description: 'Subject of the jobs.',
    },
    stream: {
      ...name,
      default: 'default-stream',
      description: 'Stream that keeps the subject. It is made where it is missing.',
    },
    consumer: {
      type: 'string',
      pattern: '^[^\\s.*>/\\\\]*$',
      patternText: 'a name without blanks, `.`, `*`, `>` and slashes',
      default: '',
      description:
        'Durable consumer, which all servers on the queue share; empty: `rr-` and the subject. It is made where it is missing.',
    },
    priority: priorityKey,
    prefetch: {
      type: 'integer',
      minimum: 1,
      maximum: 10_000,
      default: 100,
      description: 'Messages of one request at most.',
    },
    ack_wait: {
      type: 'integer',
      minimum: 1,
      maximum: 86_400,
      default: 30,
      description:
        'Seconds after which a message comes again unless its server says that it is in progress, as it does while a worker lives on it. For a consumer that is made; one that is there keeps its own.',
    },
    max_deliver: {
      type: 'integer',
      minimum: 0,
      maximum: 1_000_000,
      default: 0,
      description:
        'Deliveries after which JetStream itself gives a message up, for a consumer that is made; 0 means never: failed jobs are then kept in the stream `STREAM-failed`.',
    },
    deliver_new: {
      type: 'boolean',
      default: false,
      description: 'A consumer that is made begins with messages that come from then on.',
    },
    delete_after_ack: {
      type: 'boolean',
      default: false,
      description:
        'Deletes what is done from a stream that would keep it. Streams that are made here do not keep it.',
    },
    delete_stream_on_stop: {
      type: 'boolean',
      default: false,
      description: 'Deletes the stream with all its jobs when the pipeline is closed.',
    },
  },
} as const
