/** The keys of `jobs:`, and what no key can say alone. */
import { poolOrName, type SectionConfig, type SectionFault, section, variant } from '../../index.js'
import { JobDriver } from '../../work/driver.js'

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
      values: variant(
        'driver',
        JobDriver,
        {
          pool: {
            type: 'string',
            minLength: 1,
            description: 'Pool under `pools:` whose workers run its jobs; without it that of the section.',
          },
          priority: {
            type: 'integer',
            minimum: 1,
            maximum: 1000,
            description:
              'A weight, less is more often: a pipeline of priority 1 is served ten times as often as one of 10. Wins over `config.priority`.',
          },
        },
        'A queue and the driver that reads it.',
      ),
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
    dead: {
      type: 'string',
      default: '',
      description:
        'Pipeline that takes jobs which failed for good. Empty: the queue’s own policy decides; without one they are kept as failed (`rr jobs dead`).',
    },
  },
  'Queues of one’s own: jobs from pipelines.',
  ({ consume, pipelines, dead }) => {
    const missing = (key: string, name: string): readonly SectionFault[] =>
      Object.hasOwn(pipelines, name) ? [] : [unknownPipeline(key, name, Object.keys(pipelines))]
    return [
      ...consume.flatMap((name) => missing('consume', name)),
      ...(dead === '' ? [] : missing('dead', dead)),
    ]
  },
)

function unknownPipeline(key: string, name: string, names: readonly string[]): SectionFault {
  const known = names.length === 0 ? 'there are none' : `one of ${names.join(', ')}`
  return { key, what: `there is no pipeline "${name}"`, hint: `declare it under jobs.pipelines (${known})` }
}

/** Validated value of the section. */
export type JobsSettings = SectionConfig<typeof jobsSection>
