/** The driver `sqs`: pipelines over queues of SQS, AWS's or a compatible server's. AWS's client is loaded with the first pipeline. */
import type { Clock, ConfigOf, Logger } from '../../index.js'
import { type JobDriver, jobDriver, type Pipeline } from '../../work/driver.js'
import { QueueSource } from '../../work/queues/queue-source.js'
import { sqsPart } from './part.js'
import type { SqsSectionSettings } from './section.js'

/** Services of the server that the driver uses. */
export interface SqsDriverOptions {
  readonly clock: Clock
  readonly log: Logger
  readonly env: Readonly<Record<string, string | undefined>>
  /** The section `sqs`. */
  readonly access?: SqsSectionSettings
}

type SqsConfig = ConfigOf<typeof sqsPart.properties>

/** Makes the driver. `open` rejects with RR_AWS_PACKAGE without AWS's client. */
export function sqsDriver(options: SqsDriverOptions): JobDriver {
  return jobDriver(sqsPart, (pipeline) => openPipeline(pipeline, options))
}

async function openPipeline({ name, config }: Pipeline<SqsConfig>, options: SqsDriverOptions) {
  const { clock, log } = options
  const { priority, prefetch, message_group_id: group, wait_time_seconds: waitSeconds } = config
  const queue = await openQueue(`jobs.pipelines.${name}.config.queue`, config, options)
  return new QueueSource({
    queue,
    kind: 'aws:sqs',
    clock,
    log,
    pipeline: name,
    priority,
    group,
    receiveMax: prefetch,
    waitMs: waitSeconds * 1000,
    visibilityMs: msOf(config.visibility_timeout),
    retryMs: msOf(config.error_visibility_timeout),
  })
}

async function openQueue(key: string, config: SqsConfig, { clock, env, access }: SqsDriverOptions) {
  const { openNamedSqsQueue, openSqsQueue } = await import('../../work/queues/sqs/sqs-queue.js')
  const { queue, skip_queue_declaration: skips, attributes, tags } = config
  const client = { clock, env, key, instead: 'another driver', ...(access === undefined ? {} : { access }) }
  if (queue.includes('/')) return openSqsQueue({ ...client, url: queue })
  return openNamedSqsQueue(client, { name: queue, creates: !skips, attributes, tags })
}

/** Ms of seconds; 0 is undefined. */
function msOf(seconds: number): number | undefined {
  return seconds === 0 ? undefined : seconds * 1000
}
