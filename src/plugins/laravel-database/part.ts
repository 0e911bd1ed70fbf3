/** The part `laravel-database` of a pipeline: its keys. */
import { secret } from '../../index.js'

/** Keys of a pipeline over the `jobs` table of a Laravel application. */
export const laravelDatabasePart = {
  name: 'laravel-database',
  description: 'The queue that a Laravel application keeps in a table of MySQL, MariaDB or PostgreSQL.',
  properties: {
    url: secret({
      type: 'string',
      pattern: '^(mysql|mariadb|postgres|postgresql|pgsql)://[^/]*.*/[^/?]+(\\?.*)?$',
      patternText:
        'mysql://USER:PASSWORD@HOST:PORT/DATABASE or postgres://USER:PASSWORD@HOST:PORT/DATABASE (not SQLite: it has no row locks, so that one worker at a time could take or end a job, and the others would fail with “database is locked”)',
      description:
        'Address of the database. With `?ssl-mode=required` the connection is encrypted; `verify_identity` also checks the server, by the authorities of `ssl-ca=FILE` or of the system.',
    }),
    table: {
      type: 'string',
      pattern: '^[A-Za-z_][A-Za-z0-9_]{0,62}(\\.[A-Za-z_][A-Za-z0-9_]{0,62})?$',
      patternText: 'the name of a table, with or without its schema',
      default: 'jobs',
      description: 'Table of the jobs, with the prefix that the application puts before its tables.',
    },
    queue: {
      type: 'string',
      maxLength: 230,
      default: 'default',
      description: 'Name of the queue, as the application dispatches to it.',
    },
    retry_after: {
      type: 'integer',
      minimum: 1,
      maximum: 86_400,
      default: 90,
      description:
        'Seconds after which a taken job comes again unless it is extended, as it is while a worker lives on it: `retry_after` of the application.',
    },
    poll_interval: {
      type: 'string',
      format: 'duration',
      default: '1s',
      description: 'Wait between two looks at an empty queue: a table tells nobody of new jobs.',
    },
    connections: {
      type: 'integer',
      minimum: 1,
      maximum: 100,
      default: 4,
      description: 'Connections of the pipeline at most.',
    },
    priority: {
      type: 'integer',
      minimum: 1,
      maximum: 1000,
      default: 10,
      description: 'Priority of the pipeline’s jobs; less is more often.',
    },
  },
} as const
