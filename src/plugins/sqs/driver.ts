/** The driver `sqs`: pipelines over queues of SQS, AWS's or a compatible server's. AWS's client is loaded with the first pipeline. */
import { type Clock, type ConfigOf, ErrorCode, type Properties, RelayError } from '../../index.js'
import { QueueSource } from '../../work/queues/queue-source.js'
import type { JobDriver, Pipeline } from '../../work/source.js'

const config = {
  queue: {
    type: 'string',
    pattern: '^https?://[^/]+/.*[^/]$',
    patternText: 'the URL of a queue',
    description: 'URL of the queue; needed.',
  },
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
    description: 'Seconds until a failed message comes again; 0 is the end of its visibility.',
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
} as const satisfies Properties

/** Services of the server that the driver uses. */
export interface SqsDriverOptions {
  readonly clock: Clock
  readonly env: Readonly<Record<string, string | undefined>>
}

/** Makes the driver. `open` rejects with RR_AWS_PACKAGE without AWS's client, and with RR_CONFIG_INVALID without a queue. */
export function sqsDriver(options: SqsDriverOptions): JobDriver {
  return { name: 'sqs', config, open: (pipeline) => openPipeline(pipeline, options) }
}

async function openPipeline({ name, config: given }: Pipeline, { clock, env }: SqsDriverOptions) {
  const { openSqsQueue } = await import('../../work/queues/sqs/sqs-queue.js')
  // Validated by the properties above.
  const settings = given as ConfigOf<typeof config>
  const key = `jobs.pipelines.${name}.config.queue`
  const { queue: url, priority, prefetch, message_group_id: group, wait_time_seconds: waitSeconds } = settings
  if (url === undefined)
    throw new RelayError(ErrorCode.ConfigInvalid, `\`${key}\` is missing`, {
      hint: 'Write the URL of a queue.',
    })
  const queue = await openSqsQueue({ url, clock, env, key, instead: 'another driver' })
  return new QueueSource({
    queue,
    kind: 'aws:sqs',
    clock,
    pipeline: name,
    priority,
    group,
    receiveMax: prefetch,
    waitMs: waitSeconds * 1000,
    visibilityMs: msOf(settings.visibility_timeout),
    retryMs: msOf(settings.error_visibility_timeout),
  })
}

/** Ms of seconds; 0 is undefined. */
function msOf(seconds: number): number | undefined {
  return seconds === 0 ? undefined : seconds * 1000
}
