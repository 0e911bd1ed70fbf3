/**
 * The port that every kind of pool fulfils, and the words around it. Plugins see `Pool`; the server, which starts and ends pools,
 * sees `ManagedPool`. No behaviour lives here.
 */
import type { Undo } from '../../core/abort.js'
import type { Job, Reply, RunOptions } from '../job.js'
import type { WorkerId } from '../worker/worker-id.js'
import type { PoolEmitter } from './events.js'

/** Options of a wait for a worker. */
export interface AcquireOptions {
  /** True to wait at the front of the line instead of at its end. */
  readonly front?: boolean
  readonly signal?: AbortSignal
  /**
   * 1 to 1000, 10 when absent; less is more often. A weight, not a rank: 1 is served ten times as often as 10, so that neither
   * starves the other.
   */
  readonly priority?: number
  /** Owner of the work (a tenant, a message group): keys of one priority take turns. */
  readonly key?: string
  /** The longest wait in ms instead of the pool's `queue_timeout`. */
  readonly waitMsMax?: number
}

/** Receiver of the ends of jobs, one call a job; it may release the lease or start the next job in that call. */
export interface JobSink {
  done(reply: Reply): void
  failed(error: Error): void
  /** The worker left without having begun the job, which is to be run again. Only where `startNext` is used, also for the first job. */
  returned?(): void
}

/** The right to one idle worker, or to one place of a worker that runs several jobs at once. Release it when you are done; releasing twice is harmless. */
export interface Lease {
  /**
   * Runs one job. A worker that left before the job was sent, or that asked to leave instead of answering, is
   * replaced by the next idle one. Rejects with RR_JOB_FAILED, RR_WORKER_TIMEOUT, RR_WORKER_CRASHED,
   * RR_IPC_BAD_FRAME, RR_IPC_FRAME_TOO_LARGE, RR_JOB_ABORTED, RR_POOL_NO_WORKERS or RR_POOL_STOPPED.
   */
  run(job: Job, options?: RunOptions): Promise<Reply>
  /**
   * Runs one job as `run` does, without a promise; `sink` may be told before `start` returns. Throws what is wrong with the call
   * itself, without telling it: RR_JOB_INVALID, RR_IPC_FRAME_TOO_LARGE, RR_WORKER_TIMEOUT for a deadline that has passed.
   */
  start(job: Job, options: RunOptions, sink: JobSink): void
  /**
   * True when a second job may be sent to its worker, to wait in the pipe behind the one that runs: nobody waits in line for a worker, this
   * one is a process, does not leave, and has announced `job_id` if that `isNeeded`.
   */
  hasRoom(isNeeded: boolean): boolean
  /**
   * Starts a second job behind the one that runs; `sink` is told after the end of the first. Its `exec_ttl` counts from the answer to the
   * first; its deadline must not be earlier. A worker that ends in the first job has not begun the second, which is `returned`.
   */
  startNext(job: Job, options: RunOptions, sink: JobSink): void
  /** Holds back what is sent to its worker until the returned function is called, which writes all of it at once. */
  joinWrites(): Undo
  release(): void
  /**
   * True when its worker takes another job at once and nobody waits in line for it. Otherwise release the lease and acquire another
   * one: callers in line have waited for longer.
   */
  readonly mayGoOn: boolean
  /**
   * Pid (of a thread: its number) of the worker that ran the last job or will run the next; undefined once it has left.
   */
  readonly pid: number | undefined
}

/** One worker as `rr workers` shows it. */
export interface WorkerInfo {
  readonly pool: string
  /** Process id; the server's own for a thread. */
  readonly pid: number
  /** The thread's number, when the worker is one. */
  readonly thread?: number
  readonly state: string
  /** Why it is leaving or was killed, when it is. */
  readonly why: string | undefined
  /** Jobs sent to it so far. */
  readonly jobs: number
  /** Jobs that it has now. */
  readonly running: number
  /** Jobs that it takes at once. */
  readonly places: number
  readonly memoryBytes: number
  readonly createdAtMs: number
  readonly command: string
}

/** One worker as it is at this moment, read without asking the system. */
export interface WorkerGlance {
  readonly id: WorkerId
  readonly state: string
  readonly why: string | undefined
  /** Jobs sent to it so far. */
  readonly jobs: number
  /** Jobs of it that failed. */
  readonly failed: number
  readonly running: number
  readonly places: number
  /** The job that it has had for longest; `beganAt` is in monotonic ms. */
  readonly job:
    | { readonly id: string | undefined; readonly name: string | undefined; readonly beganAt: number }
    | undefined
  /** Monotonic ms since when it has been free. */
  readonly idleSince: number
  readonly createdAtMs: number
  /** Asks it for its stack: no lines when it did not answer, undefined when it has not announced that it can. */
  printStack(): Promise<readonly string[] | undefined>
}

/** Health of a pool. */
export interface PoolHealth {
  /** True when workers die faster than `crash_loop` allows: new ones boot more slowly until that is over. */
  readonly isDegraded: boolean
  /** Time for which the pool has been degraded, in ms; 0 when it is not. */
  readonly degradedMs: number
  /** Deaths and failed boots that still count. */
  readonly recentDeaths: number
  /** Workers that took over from another one since the start. */
  readonly restarts: number
  /** The last fault, while it is degraded. */
  readonly why?: string
}

/** End of the first boot of one worker. */
export interface WorkerBoot {
  readonly pid: number | undefined
  readonly tookMs: number
  /** Absent when it became ready. */
  readonly fault?: Error
  /** Last lines of output of a worker that failed. */
  readonly lastLines: readonly string[]
}

/** A pool that waits for a reset because no worker of it has booted. */
export interface HeldPool {
  readonly pool: string
  /** Workers whose boot failed. */
  readonly workers: number
}

/** A pool as plugins see it. */
export interface Pool {
  readonly name: string
  /** User and group of its workers, where they are not the server's own. */
  readonly identity?: { readonly uid: number; readonly gid: number } | undefined
  /** Target number of workers; a `dynamic_allocator` changes it. */
  readonly size: number
  /** True when it takes no work any more; `whenIdle` resolves at once. */
  readonly isStopping: boolean
  /** Number of workers that wait for a job and are not reserved; one that runs several at once counts once for each job that it takes. */
  readonly idleCount: number
  /** Number of workers that are idle or busy: booting and leaving ones do not count. */
  readonly liveCount: number
  /** Number of jobs that those workers can run at once. */
  readonly placeCount: number
  /** Acquire, run, release. Waits at most `queue_timeout` for a worker (RR_POOL_NO_WORKERS). */
  run(job: Job, options?: RunOptions & AcquireOptions): Promise<Reply>
  /**
   * Runs a job on a worker that is booted for it and leaves after it: for a job that others must be protected from. Rejects as
   * `Lease.run` does, and with RR_WORKER_BOOT.
   */
  runAlone(job: Job, options?: RunOptions): Promise<Reply>
  /**
   * Sends a control message, which is not answered, to every idle worker that announced `feature` in its PID reply. Returns
   * their number. Other workers are sent nothing: a PHP worker ends at a control message that it does not know.
   */
  tell(feature: string, message: object): number
  /**
   * Sends a control request to every idle worker that announced `feature`; resolves with their number when each has
   * answered, rejects with the first fault.
   */
  ask(feature: string, message: object, options?: RunOptions): Promise<number>
  /** Waits in line for a worker; rejects with RR_POOL_QUEUE_FULL, RR_POOL_NO_WORKERS, RR_POOL_STOPPED, RR_JOB_ABORTED. */
  acquire(options?: AcquireOptions): Promise<Lease>
  /** Returns a lease if a worker is idle and no caller waits for one; else undefined. */
  tryAcquire(): Lease | undefined
  /** Resolves when `count` workers (one) are idle, without taking them; also when `signal` aborts or the pool stops. Never rejects. */
  whenIdle(signal?: AbortSignal, count?: number): Promise<void>
  /** Resolves with one entry per worker when all first boots have ended, successfully or not. Never rejects. */
  readonly booted: Promise<readonly WorkerBoot[]>
  /** Boots the workers that were held back by `bootFirst`; does nothing when there are none. */
  bootRest(): void
  workers(): Promise<readonly WorkerInfo[]>
}

/** A pool as the server sees it, which starts, resets and ends pools. */
export interface ManagedPool extends Pool {
  /** Emits events of its workers and jobs. */
  readonly events: PoolEmitter
  /** Id as `rr workers` and the banner show it. */
  readonly command: string
  /**
   * Resolves when no worker lives and boots have failed in a row for long (`failed-boots.ts`): the pool goes on trying, but
   * serves no jobs.
   */
  readonly died: Promise<Error>
  readonly health: PoolHealth
  /** Number of workers that run a job, also while the pool stops. */
  readonly busyCount: number
  /** True when the last reset failed: the workers may be older than their files. */
  readonly isStale: boolean
  /** Callers that stand in line for a worker. */
  readonly waitingCount: number
  /** Wait of the first caller in ms; 0 when nobody waits. */
  readonly oldestWaitMs: number
  /** Jobs since the start that have an outcome, and those of them that failed. */
  readonly totals: { readonly jobs: number; readonly failed: number }
  /** The workers as they are now; costs no system call. */
  glance(): readonly WorkerGlance[]
  /** Last lines of workers that boot or whose boot failed. */
  bootLines(): readonly string[]
  /** Replaces every worker, one after the other; RR_RESET_FAILED when a new one does not boot or does worse: the old ones stay. */
  reset(): Promise<void>
  /**
   * Gives the pool `size` workers; a `dynamic_allocator` counts from there. Resolves when it has as many slots: new workers may still boot,
   * and busy ones above that number leave after their job. Rejects with RR_POOL_STOPPED.
   */
  resize(size: number): Promise<void>
  /** Takes no new work, lets running jobs end within `graceMs`, stops the workers, kills the rest. */
  stop(graceMs: number): Promise<void>
  /** SIGKILL to every worker's process group, now. */
  kill(): void
}
