/** The keys of `beanstalk:`, and of a pipeline in a tube. */
import { section } from '../../index.js'
import { priorityKey } from '../../work/queues/pipeline-keys.js'

/** The section: where the server is. */
export const beanstalkSection = section(
  {
    addr: {
      type: 'string',
      default: 'tcp://127.0.0.1:11300',
      pattern: '^(tcp://[^\\s]+:\\d+|unix://.+)$',
      patternText: 'tcp://HOST:PORT or unix://PATH',
      description: 'Address of the server.',
    },
    timeout: {
      type: 'string',
      format: 'duration',
      default: '30s',
      description: 'Longest wait for a connection, and for an answer.',
    },
  },
  'The server of pipelines whose driver is `beanstalk`.',
)

/** Keys of a pipeline. */
export const beanstalkPart = {
  name: 'beanstalk',
  description: 'Jobs in a tube of beanstalkd.',
  properties: {
    tube: {
      type: 'string',
      pattern: '^[A-Za-z0-9+/;.$_()][A-Za-z0-9+/;.$_()-]{0,199}$',
      patternText: 'letters, digits and -+/;.$_(), at most 200',
      default: 'default',
      description: 'Name of the tube.',
    },
    tube_priority: {
      type: 'integer',
      minimum: 0,
      maximum: 4_294_967_295,
      default: 1,
      description:
        'Beanstalkd’s priority of jobs that are pushed: 0 is served before all others of the tube.',
    },
    priority: priorityKey,
    prefetch: {
      type: 'integer',
      minimum: 1,
      maximum: 10_000,
      default: 100,
      description: 'Jobs that are taken at once at most.',
    },
    reserve_timeout: {
      type: 'string',
      format: 'duration',
      default: '5s',
      description: 'Longest wait of one request for a job.',
    },
    ttr: {
      type: 'string',
      format: 'duration',
      default: '60s',
      description:
        'Time to run of jobs that are pushed, in whole seconds: after it a job comes again unless its server touches it, as it does while a worker lives on it.',
    },
  },
} as const
