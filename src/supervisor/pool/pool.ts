/**
 * The port that every kind of pool fulfils, and the words around it: job, reply, lease. Plugins see `Pool`; the
 * server, which starts and ends pools, sees `ManagedPool`. No behaviour lives here.
 */
import type { ConfigOf } from '../../core/section.js'
import { envProperty, processProperties } from './process-keys.js'

/** How a job's payload is flagged on the wire (Goridge frame flags). `control` is for questions of the pool's own. */
export const Codec = { none: 0, raw: 0x04, json: 0x08, control: 0x09, msgpack: 0x10, proto: 0x80 } as const
export type Codec = (typeof Codec)[keyof typeof Codec]

/** Work for one worker: two byte strings and what to call it in the log. */
export interface Job {
  readonly context: Uint8Array | string
  readonly body: Uint8Array | string
  readonly codec: Codec
  /** Names the job in the log lines that the worker writes meanwhile. */
  readonly id?: string
  /** The Lambda request that it belongs to; for the log. */
  readonly requestId?: string
  /** The tenant whose event it is, where Lambda isolates tenants; for the log. */
  readonly tenantId?: string
}

/** What a worker answered. Views into a buffer of its own: safe to keep. */
export interface Reply {
  readonly context: Uint8Array
  readonly body: Uint8Array
  /** The frame's flags as they came; any codec or none. */
  readonly flags: number
}

/** Limits of one run. */
export interface RunOptions {
  /** Wall-clock milliseconds since the epoch at which the worker is killed; `exec_ttl` may come sooner. */
  readonly deadlineMs?: number
  /** The longest run in ms; the pool's `exec_ttl` may be shorter. */
  readonly execTtlMs?: number
  /** Aborting gives the job up: a waiting one leaves the line, a running one costs its worker. */
  readonly signal?: AbortSignal
  /**
   * Takes the frames of a streamed answer but for its last, which is the reply. While a promise that it returned is pending
   * nothing more is read from the worker. Without it a streamed answer is a bad one.
   */
  readonly onChunk?: (chunk: Reply) => void | Promise<void>
  /** Aborting asks a worker that streams to end early; one that does not within `stream_timeout` is killed. */
  readonly stopStream?: AbortSignal
}

/** How to wait for a worker. */
export interface AcquireOptions {
  /** Ahead of the line instead of at its end. */
  readonly front?: boolean
  readonly signal?: AbortSignal
  /**
   * 1 to 1000, 10 when absent; less is more often. A weight, not a rank: 1 is served ten times as often as 10, so that neither
   * starves the other.
   */
  readonly priority?: number
  /** Whose work it is (a tenant, a message group): keys of one priority take turns. */
  readonly key?: string
  /** The longest wait in ms instead of the pool's `queue_timeout`. */
  readonly waitMsMax?: number
}

/** The right to one idle worker. Release it exactly when you are done; releasing twice is harmless. */
export interface Lease {
  /**
   * Runs one job. A worker that left before the job was sent, or that asked to leave instead of answering, is
   * replaced by the next idle one. Rejects with RR_JOB_FAILED, RR_WORKER_TIMEOUT, RR_WORKER_CRASHED,
   * RR_IPC_BAD_FRAME, RR_IPC_FRAME_TOO_LARGE, RR_JOB_ABORTED, RR_POOL_NO_WORKERS or RR_POOL_STOPPED.
   */
  run(job: Job, options?: RunOptions): Promise<Reply>
  release(): void
  /** The worker that ran last, or would run next; undefined once it has left. Of a thread: its number. */
  readonly pid: number | undefined
}

/** One worker as `rr workers` shows it. */
export interface WorkerInfo {
  readonly pool: string
  /** Of a thread: the server's own. */
  readonly pid: number
  /** The thread's number, when the worker is one. */
  readonly thread?: number
  readonly state: string
  /** Why it is leaving or was killed, when it is. */
  readonly why: string | undefined
  /** Jobs sent to it so far. */
  readonly jobs: number
  readonly memoryBytes: number
  readonly createdAtMs: number
  readonly command: string
}

/** How a pool is. */
export interface PoolHealth {
  /** Workers fall faster than `crash_loop` allows: new ones boot more slowly until that is over. */
  readonly isDegraded: boolean
  /** For how long, in ms; 0 when it is not. */
  readonly degradedMs: number
  /** Deaths and failed boots that still count. */
  readonly recentDeaths: number
  /** Workers that took over from another one since the start. */
  readonly restarts: number
  /** The last fault, while it is degraded. */
  readonly why?: string
}

/** How the first boot of one worker ended. */
export interface WorkerBoot {
  readonly pid: number | undefined
  readonly tookMs: number
  /** Absent when it became ready. */
  readonly fault?: Error
  /** Its last lines of output when it failed. */
  readonly lastLines: readonly string[]
}

/** What plugins may do with a pool. */
export interface Pool {
  readonly name: string
  /** How many workers it is meant to have now; a `dynamic_allocator` changes it. */
  readonly size: number
  /** It takes no work any more; `whenIdle` resolves at once. */
  readonly isStopping: boolean
  /** Workers that wait for a job and are promised to nobody. */
  readonly idleCount: number
  /** Workers that are ready for work or at it: booting and leaving ones do not count. */
  readonly liveCount: number
  /** Acquire, run, release. Waits at most `queue_timeout` for a worker (RR_POOL_NO_WORKERS). */
  run(job: Job, options?: RunOptions & AcquireOptions): Promise<Reply>
  /**
   * Runs a job on a worker that is booted for it and leaves after it: for a job that others must be protected from. Rejects as
   * `Lease.run` does, and with RR_WORKER_BOOT.
   */
  runAlone(job: Job, options?: RunOptions): Promise<Reply>
  /**
   * Sends a control message to every idle worker that announced `feature` in its PID reply; nobody answers. Returns how many were
   * told. Workers that announced nothing are sent nothing: a control message that it does not know ends a PHP worker.
   */
  tell(feature: string, message: object): number
  /** The same as a question: resolves when each of them has answered, rejects with the first fault. Takes idle workers only. */
  ask(feature: string, message: object, options?: RunOptions): Promise<number>
  /** Waits in line for a worker; rejects with RR_POOL_QUEUE_FULL, RR_POOL_NO_WORKERS, RR_POOL_STOPPED, RR_JOB_ABORTED. */
  acquire(options?: AcquireOptions): Promise<Lease>
  /** A lease if a worker is idle right now and nobody waits for it. */
  tryAcquire(): Lease | undefined
  /** Resolves when `count` workers (one) are idle, without taking them; also when `signal` aborts or the pool stops. Never rejects. */
  whenIdle(signal?: AbortSignal, count?: number): Promise<void>
  /** Resolves with one entry a worker when all first boots have ended, well or badly. Never rejects. */
  readonly booted: Promise<readonly WorkerBoot[]>
  workers(): Promise<readonly WorkerInfo[]>
}

/** What the server may do beside: pools are started, reset and ended in one place. */
export interface ManagedPool extends Pool {
  /** As `rr workers` and the banner show it. */
  readonly command: string
  /** Resolves when no worker lives and a boot failed after the first ones: the pool tries on, but it serves nobody now. */
  readonly died: Promise<Error>
  readonly health: PoolHealth
  /** Callers that stand in line for a worker. */
  readonly waitingCount: number
  /** How long the first of them has waited, in ms; 0 when nobody waits. */
  readonly oldestWaitMs: number
  /** What workers that do not come up said last. */
  bootLines(): readonly string[]
  /** Replaces every worker, one after the other; RR_RESET_FAILED when a new one does not boot or does worse: the old ones stay. */
  reset(): Promise<void>
  /** Takes no new work, lets running jobs end within `graceMs`, stops the workers, kills what is left. */
  stop(graceMs: number): Promise<void>
  /** SIGKILL to every worker's process group, now. */
  kill(): void
}

/** The keys of a pool, RoadRunner's names (`reference/roadrunner.md` §3.1 of that server's documentation). */
export const poolProperties = {
  num_workers: {
    anyOf: [
      { type: 'integer', minimum: 1, maximum: 2048 },
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
    description: 'Jobs after which a worker is replaced (up to 14 % later, by chance); 0 is no limit.',
  },
  max_queue_size: {
    type: 'integer',
    minimum: 0,
    default: 0,
    description: 'Jobs waiting or running at most; 0 is no limit.',
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
      'Jobs that the first new worker of a reset has to answer, failing no larger a share than the old ones did, before the next is replaced.',
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
          'Deaths and failed boots that are still bad luck. 0: three times the workers, at least ten.',
      },
      within: {
        type: 'string',
        format: 'duration',
        default: '30s',
        description: 'How long each of them counts.',
      },
    },
  },
  stream_timeout: {
    type: 'string',
    format: 'duration',
    default: '60s',
    description: 'How long a cancelled stream may take to end.',
  },
  debug: { type: 'boolean', notYet: true, description: 'A fresh worker for every job.' },
  supervisor: {
    type: 'object',
    description: 'Limits of a worker’s life.',
    properties: {
      exec_ttl: {
        type: 'string',
        format: 'duration',
        zero: 'allowed',
        default: '0s',
        description: 'The longest run of one job; then the worker is killed. 0s is no limit.',
      },
      kill_grace: {
        type: 'string',
        format: 'duration',
        zero: 'allowed',
        default: '500ms',
        description:
          'What a worker whose job ran out of time has between SIGTERM and SIGKILL; its caller does not wait for it. 0s is SIGKILL at once.',
      },
      ttl: {
        type: 'string',
        format: 'duration',
        zero: 'allowed',
        default: '0s',
        description: 'The age at which a worker is replaced once it is free. 0s is no limit.',
      },
      idle_ttl: {
        type: 'string',
        format: 'duration',
        zero: 'allowed',
        default: '0s',
        description: 'How long after its last job an idle worker is replaced. 0s is no limit.',
      },
      max_worker_memory: {
        type: 'integer',
        minimum: 0,
        default: 0,
        description:
          'Megabytes of a worker and its children at which it is replaced once it is free; 0 is no limit.',
      },
      memory_samples: {
        type: 'integer',
        minimum: 1,
        maximum: 1000,
        default: 2,
        description: 'Checks in a row that must be over `max_worker_memory`: one peak is no leak.',
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
    description:
      'Adds workers while callers wait, and gives them back when they idle; off unless it is there.',
    properties: {
      max_workers: {
        type: 'integer',
        minimum: 1,
        maximum: 2048,
        default: 10,
        description: 'Workers beside `num_workers` at most.',
      },
      spawn_rate: {
        type: 'integer',
        minimum: 1,
        maximum: 100,
        default: 5,
        description: 'Workers that are added, or given back, at once.',
      },
      idle_timeout: {
        type: 'string',
        format: 'duration',
        default: '1m',
        description: 'How long a worker above `num_workers` idles until it is given back.',
      },
      grow_after: {
        type: 'string',
        format: 'duration',
        default: '100ms',
        description: 'How long somebody must have waited until workers are added.',
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
