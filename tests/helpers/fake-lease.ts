/** A lease without a worker: what a job comes to is a function of the test's. */
import { ErrorCode, hasCode } from '../../src/core/errors.js'
import type { Job, Reply, RunOptions } from '../../src/supervisor/job.js'
import type { JobSink, Lease } from '../../src/supervisor/pool/pool.js'

/** Behaviour of a fake lease. */
export interface FakeLease {
  readonly pid?: number | undefined
  readonly run: (job: Job, options: RunOptions) => Promise<Reply>
  readonly release: () => void
}

/** A job that waits for the end of another one. */
interface WaitingJob {
  readonly begin: () => void
  readonly sink: JobSink
}

/** Makes the lease; all ways of running a job come to `run`. A second job begins at the end of the first, and is returned at a crash. */
export function fakeLease({ pid = 1, run, release }: FakeLease): Lease {
  let isRunning = false
  let waiting: WaitingJob | undefined
  const begin = (job: Job, options: RunOptions, sink: JobSink) => {
    isRunning = true
    run(job, options).then(
      (reply) => {
        next()
        sink.done(reply)
      },
      (error: unknown) => {
        const isDead = hasCode(error, ErrorCode.WorkerCrashed)
        const left = waiting
        if (isDead) waiting = undefined
        next()
        sink.failed(error instanceof Error ? error : new Error(String(error)))
        if (isDead) left?.sink.returned?.()
      },
    )
  }
  const next = () => {
    isRunning = false
    const { begin: beginNext } = waiting ?? {}
    waiting = undefined
    beginNext?.()
  }
  return {
    pid,
    mayGoOn: true,
    hasRoom: () => isRunning && waiting === undefined,
    startNext: (job, options, sink) => {
      waiting = { begin: () => begin(job, options, sink), sink }
    },
    joinWrites: () => () => undefined,
    run: (job, options = {}) => run(job, options),
    start: begin,
    release,
  }
}
