/** The keys of `postgres:`, and of a pipeline in a table. */
import { type SectionConfig, secret, section } from '../../index.js'
import { priorityKey } from '../../work/queues/pipeline-keys.js'

/** The section: where the database is. */
export const postgresSection = section(
  {
    url: secret({
      type: 'string',
      pattern: '^postgres(ql)?://',
      patternText: 'postgres://USER:PASSWORD@HOST:PORT/DATABASE',
      description:
        'Address of the database, as libpq has it. Without it the variables `PGHOST`, `PGUSER`, `PGPASSWORD`, `PGDATABASE` … count.',
    }),
    table: {
      type: 'string',
      pattern: '^[a-z_][a-z0-9_]{0,39}(\\.[a-z_][a-z0-9_]{0,39})?$',
      patternText: 'the name of a table in lower case, with or without its schema',
      default: 'rr_jobs',
      description: 'Table of the jobs. All pipelines share it.',
    },
    create_table: {
      type: 'boolean',
      default: true,
      description:
        'Creates the table, and changes it for a newer version. If not, the log has the SQL to run by hand.',
    },
    connections: {
      type: 'integer',
      minimum: 1,
      maximum: 100,
      default: 4,
      description: 'Connections at most; one more listens for new jobs.',
    },
    poll_interval: {
      type: 'string',
      format: 'duration',
      default: '5s',
      description:
        'Longest wait between two looks at an empty table. Notifications come at once; this is for connections that lose them, as through PgBouncer.',
    },
  },
  'The database of pipelines whose driver is `postgres`.',
)

/** Validated value of the section. */
export type PostgresSettings = SectionConfig<typeof postgresSection>

/** Keys of a pipeline. */
export const postgresPart = {
  name: 'postgres',
  description: 'Jobs in a table of PostgreSQL.',
  properties: {
    queue: {
      type: 'string',
      default: '',
      description: 'Name of the queue within the table; empty: that of the pipeline.',
    },
    priority: priorityKey,
    prefetch: {
      type: 'integer',
      minimum: 1,
      maximum: 10_000,
      default: 100,
      description: 'Jobs of one query at most.',
    },
    lease: {
      type: 'string',
      format: 'duration',
      default: '30s',
      description:
        'Time after which a taken job comes again unless its server extends it, as it does while a worker lives on it.',
    },
    lane_header: {
      type: 'string',
      default: '',
      description:
        'Header of a job that names its lane. Jobs of one lane run one after the other, in the order in which they were pushed, on all servers together.',
    },
  },
} as const
