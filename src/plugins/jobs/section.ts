/** The keys of `jobs:`, and what no key can say alone. */
import {
  type Properties,
  poolOrName,
  type SectionConfig,
  type SectionFault,
  section,
  variant,
} from '../../index.js'
import { JobDriver } from '../../work/driver.js'

/** Keys of a pipeline beside its driver and that one's. */
export const pipelineProperties = {
  pool: {
    type: 'string',
    minLength: 1,
    description: 'Pool under `pools:` whose workers run its jobs; without it that of the section.',
  },
  records_per_job: {
    type: 'integer',
    minimum: 1,
    maximum: 10_000,
    default: 1,
    description:
      'Most messages per job. More than 1 (`mode: raw` only): the body is a small batch, as with `lambda.records_per_job`; as many as are there, without waiting for more.',
  },
  fair_by: {
    type: 'string',
    minLength: 1,
    description:
      'Header of jobs whose values take turns, such as a tenant’s: one with many jobs does not delay the others. Without it jobs run as they come.',
  },
  fair_window: {
    type: 'integer',
    minimum: 1,
    maximum: 100_000,
    description:
      'Jobs that `fair_by` borrows from the queue at most to find those of others; 1000 by default. Queues that take turns themselves (`memory`, `journal`) need none.',
  },
  priority: {
    type: 'integer',
    minimum: 1,
    maximum: 1000,
    description:
      'A weight, less is more often: a pipeline of priority 1 is served ten times as often as one of 10. Wins over `config.priority`.',
  },
} as const satisfies Properties

/** The section. */
export const jobsSection = section(
  {
    mode: {
      type: 'string',
      enum: ['jobs', 'raw'],
      default: 'jobs',
      description:
        '`jobs`: workers are sent what RoadRunner’s jobs plugin sends. `raw`: what `lambda` sends in its mode `raw`, so that one worker file serves both.',
    },
    pool: poolOrName(),
    consume: {
      type: 'array',
      items: { type: 'string' },
      description:
        'Pipelines that are consumed from the start; the others only take jobs until they are resumed.',
    },
    pipelines: {
      type: 'map',
      description: 'Queues by name.',
      values: variant('driver', JobDriver, pipelineProperties, 'A queue and the driver that reads it.'),
    },
    timeout: {
      type: 'integer',
      minimum: 1,
      maximum: 86_400,
      default: 60,
      description: 'Seconds that a push, or a change of a pipeline, may take.',
    },
    retry: {
      type: 'object',
      description:
        'When a failed job is tried again: after an error, a crash, a time-out or an unreadable reply.',
      properties: {
        max: {
          type: 'integer',
          minimum: 0,
          maximum: 1_000_000,
          default: 0,
          description: 'Tries of a job at most; 0 means no limit.',
        },
        backoff: {
          type: 'string',
          format: 'duration',
          default: '1s',
          description: 'Wait before the second try; it doubles with each further one, up to 5m.',
        },
        jitter: {
          type: 'number',
          minimum: 0,
          maximum: 1,
          default: 0.2,
          description: 'Share of the wait that chance may take away.',
        },
      },
    },
    failed: {
      type: 'string',
      enum: ['keep', 'worker'],
      default: 'keep',
      description:
        'What happens to a job that failed for good: `keep` puts it where `dead` says. `worker` (`mode: raw` only) first shows it to a worker once, as `lambda.failed: worker` does: when that one has settled it, it is acknowledged.',
    },
    dead: {
      type: 'string',
      default: '',
      description:
        'Pipeline that takes jobs which failed for good. Empty: the queue’s own policy decides; without one they are kept as failed (`rr jobs dead`).',
    },
  },
  'Queues of one’s own: jobs from pipelines.',
  ({ mode, consume, pipelines, dead, failed }) => {
    const missing = (key: string, name: string): readonly SectionFault[] =>
      Object.hasOwn(pipelines, name) ? [] : [unknownPipeline(key, name, Object.keys(pipelines))]
    return [
      ...consume.flatMap((name) => missing('consume', name)),
      ...(dead === '' ? [] : missing('dead', dead)),
      ...(failed === 'worker' && mode !== 'raw' ? [notShown(mode)] : []),
      ...Object.entries(pipelines).flatMap(([name, pipeline]) =>
        pipelineFaults(pipeline, mode).map(({ key, ...fault }) => ({
          key: `pipelines.${name}.${key}`,
          ...fault,
        })),
      ),
    ]
  },
)

function notShown(mode: string): SectionFault {
  return {
    key: 'failed',
    what: '`failed: worker` needs mode: raw',
    hint: `the mode is ${mode}, whose workers are not told of jobs that were given up`,
  }
}

function unknownPipeline(key: string, name: string, names: readonly string[]): SectionFault {
  const known = names.length === 0 ? 'there are none' : `one of ${names.join(', ')}`
  return { key, what: `there is no pipeline "${name}"`, hint: `declare it under jobs.pipelines (${known})` }
}

/** Keys of a pipeline that have a meaning only with others. */
export interface PipelineKeys {
  readonly records_per_job?: number | undefined
  readonly fair_by?: string | undefined
  readonly fair_window?: number | undefined
}

/** Returns what is wrong with the keys of a pipeline, by the key. */
export function pipelineFaults(
  { records_per_job: perJob = 1, fair_by: fairBy, fair_window: window }: PipelineKeys,
  mode: string,
): readonly SectionFault[] {
  return [
    ...(perJob > 1 && mode !== 'raw'
      ? [
          {
            key: 'records_per_job',
            what: `${perJob} messages a job need mode: raw`,
            hint: `the mode is ${mode}, whose workers take one job at a time`,
          },
        ]
      : []),
    ...(window !== undefined && fairBy === undefined
      ? [
          {
            key: 'fair_window',
            what: '`fair_window` has no effect without `fair_by`',
            hint: 'name the header, or remove it',
          },
        ]
      : []),
  ]
}

/** Validated value of the section. */
export type JobsSettings = SectionConfig<typeof jobsSection>
