/** The keys of a pool in `rr.yaml`, and what they are once they have been checked. */
import type { ConfigOf } from '../../schema/kinds.js'
import { envProperty, processProperties } from './process-keys.js'

/** The most workers of a pool. */
export const workersMax = 2048

/** The keys of a pool, RoadRunner's names (`reference/roadrunner.md` §3.1 of that server's documentation). */
export const poolProperties = {
  num_workers: {
    anyOf: [
      { type: 'integer', minimum: 1, maximum: workersMax },
      { type: 'string', enum: ['auto'] },
    ],
    default: 'auto',
    description: 'Workers kept ready: a number, or `auto` from the cpu and memory of the cgroup.',
  },
  command: {
    anyOf: [
      { type: 'string', format: 'command' },
      { type: 'array', items: { type: 'string' } },
    ],
    description: 'Overrides `server.command` for this pool.',
  },
  ...processProperties,
  env: envProperty,
  runtime: {
    type: 'string',
    enum: ['process', 'thread'],
    default: 'process',
    description: 'Child processes, or JavaScript in threads of the server.',
  },
  max_jobs: {
    type: 'integer',
    minimum: 0,
    default: 0,
    description: 'Jobs after which a worker is replaced (up to 14 % later, by chance); 0 means no limit.',
  },
  max_queue_size: {
    type: 'integer',
    minimum: 0,
    default: 0,
    description: 'Maximum number of waiting and running jobs; 0 means no limit.',
  },
  allocate_timeout: {
    type: 'string',
    format: 'duration',
    default: '60s',
    description:
      'The longest boot of a worker; also the longest wait for one where `queue_timeout` is not set.',
  },
  queue_timeout: {
    type: 'string',
    format: 'duration',
    description: 'The longest wait for a worker. Not set: `allocate_timeout`, as in RoadRunner.',
  },
  destroy_timeout: {
    type: 'string',
    format: 'duration',
    default: '60s',
    description: 'How long running jobs may take at the end.',
  },
  reset_timeout: {
    type: 'string',
    format: 'duration',
    default: '60s',
    description: 'How long a reset waits for a busy worker, and for the answers of a canary.',
  },
  reset_canary: {
    type: 'integer',
    minimum: 0,
    maximum: 100_000,
    default: 0,
    description:
      'Jobs that the first new worker of a reset must answer, with no larger a share of failures than the old workers, before the next one is replaced.',
  },
  crash_loop: {
    type: 'object',
    description: 'When a pool counts as degraded, so that new workers boot more slowly.',
    properties: {
      deaths: {
        type: 'integer',
        minimum: 0,
        maximum: 100_000,
        default: 0,
        description:
          'Deaths and failed boots within `within` that a pool tolerates. 0: three times the workers, at least ten.',
      },
      within: {
        type: 'string',
        format: 'duration',
        default: '30s',
        description: 'How long a death or failed boot counts.',
      },
    },
  },
  stream_timeout: {
    type: 'string',
    format: 'duration',
    default: '60s',
    description: 'How long a cancelled stream may take to end.',
  },
  debug: {
    type: 'boolean',
    default: false,
    description:
      'For development: boots a worker for each job, which leaves after it, so that changed code runs at once. `num_workers` is the number of jobs at once.',
  },
  supervisor: {
    type: 'object',
    description: 'Limits after which a worker is replaced.',
    properties: {
      exec_ttl: {
        type: 'string',
        format: 'duration',
        zero: 'allowed',
        default: '0s',
        description: 'The longest run of one job; then the worker is killed. 0s means no limit.',
      },
      kill_grace: {
        type: 'string',
        format: 'duration',
        zero: 'allowed',
        default: '500ms',
        description:
          'Time between SIGTERM and SIGKILL for a worker whose job ran out of time; the caller does not wait for it. Also the time that a worker has to end after it closed its relay. 0s: SIGKILL at once.',
      },
      ttl: {
        type: 'string',
        format: 'duration',
        zero: 'allowed',
        default: '0s',
        description: 'The age at which a worker is replaced once it is free. 0s means no limit.',
      },
      idle_ttl: {
        type: 'string',
        format: 'duration',
        zero: 'allowed',
        default: '0s',
        description: 'How long after its last job an idle worker is replaced. 0s means no limit.',
      },
      max_worker_memory: {
        type: 'integer',
        unit: 'MB',
        minimum: 0,
        default: 0,
        description:
          'Megabytes of a worker and its children at which it is replaced once it is free; 0 means no limit.',
      },
      memory_samples: {
        type: 'integer',
        minimum: 1,
        maximum: 1000,
        default: 2,
        description: 'Checks in a row that must be over `max_worker_memory`: a single peak is not a leak.',
      },
      watch_tick: {
        type: 'string',
        format: 'duration',
        default: '5s',
        description: 'How often the limits are checked.',
      },
    },
  },
  dynamic_allocator: {
    type: 'object',
    optional: true,
    description: 'Adds workers while callers wait, and removes idle ones. Off unless this key is present.',
    properties: {
      max_workers: {
        type: 'integer',
        minimum: 1,
        maximum: 2048,
        default: 10,
        description: 'Maximum number of workers in addition to `num_workers`.',
      },
      spawn_rate: {
        type: 'integer',
        minimum: 1,
        maximum: 100,
        default: 5,
        description: 'Number of workers that are added or removed at once.',
      },
      idle_timeout: {
        type: 'string',
        format: 'duration',
        default: '1m',
        description: 'How long a worker above `num_workers` is idle before it is removed.',
      },
      grow_after: {
        type: 'string',
        format: 'duration',
        default: '100ms',
        description: 'How long a caller must have waited before workers are added.',
      },
      cool_down: {
        type: 'string',
        format: 'duration',
        default: '1s',
        description: 'The least time between two additions.',
      },
    },
  },
} as const

/** A pool's validated keys: durations in ms. */
export type PoolConfig = ConfigOf<typeof poolProperties>

/** Declares a key that takes the keys of a pool of its own, or the name of one under `pools:`; `Pools.open` takes its value. */
export function poolOrName(description = 'A pool of its own, or the name of one under `pools:`.') {
  return {
    anyOf: [{ type: 'object', properties: poolProperties }, { type: 'string' }],
    description,
  } as const
}
