/** Verdict on a delivery or an event. Types and constants; protocols read verdicts out of replies. */
import type { Headers } from './headers.js'

/** Kinds of faults, apart from what a worker says itself. */
export const FaultKind = {
  /** The worker answered with an error. */
  jobFailed: 'jobFailed',
  /** The worker asked for another try. */
  retry: 'retry',
  /** The worker said that no further try will help. */
  failed: 'failed',
  /** The worker's answer cannot be read. */
  badReply: 'badReply',
  /** Delivery that cannot be made into a job. */
  badInput: 'badInput',
  workerTimeout: 'workerTimeout',
  workerCrashed: 'workerCrashed',
  noWorkers: 'noWorkers',
  /** The job or its answer exceeds a size limit. */
  tooLarge: 'tooLarge',
  /** The server stopped before the job was done. */
  stopped: 'stopped',
} as const
export type FaultKind = (typeof FaultKind)[keyof typeof FaultKind]

/** An error as its worker reported it. */
export interface WorkerError {
  readonly type: string
  readonly message: string
  readonly stack: readonly string[]
  readonly cause?: WorkerError
}

/** Why something was not done. */
export interface Fault {
  readonly kind: FaultKind
  readonly message: string
  /** The worker's own error, where it reported one with a type. */
  readonly own?: WorkerError
}

/**
 * An explicit wish of a worker of RoadRunner's: `fail` (not again), `nack` (not acknowledged: the driver decides), `requeue` (again,
 * with no limit).
 */
export type Asked = 'fail' | 'nack' | 'requeue'

/**
 * `done`: acknowledged, or the result; `warning` is for the log. `retry`: not done, it is to be delivered again. `fail`: no further
 * try will help.
 */
export type Verdict =
  | { readonly kind: 'done'; readonly body: Uint8Array; readonly warning?: string }
  | {
      readonly kind: 'retry'
      readonly why: Fault
      /** The wait that the worker asked for. */
      readonly afterMs?: number
      /** True when it killed its worker. */
      readonly isDeath?: boolean
      /** True when its worker had other jobs: any of them may have killed it. */
      readonly isShared?: boolean
      /** The wish behind it; absent for errors, deaths and replies of other protocols. */
      readonly asked?: Asked
      /** Headers of the next try, in place of those that the delivery had. */
      readonly headers?: Headers
    }
  | { readonly kind: 'fail'; readonly why: Fault; readonly asked?: Asked }
