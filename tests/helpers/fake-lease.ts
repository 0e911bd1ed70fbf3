/** A lease without a worker: what a job comes to is a function of the test's. */
import type { Job, Reply, RunOptions } from '../../src/supervisor/job.js'
import type { Lease } from '../../src/supervisor/pool/pool.js'

/** Behaviour of a fake lease. */
export interface FakeLease {
  readonly pid?: number | undefined
  readonly run: (job: Job, options: RunOptions) => Promise<Reply>
  readonly release: () => void
}

/** Makes the lease; both ways of running a job come to `run`. */
export function fakeLease({ pid = 1, run, release }: FakeLease): Lease {
  return {
    pid,
    run: (job, options = {}) => run(job, options),
    start: (job, options, sink) => {
      run(job, options).then(
        (reply) => sink.done(reply),
        (error: unknown) => sink.failed(error instanceof Error ? error : new Error(String(error))),
      )
    },
    release,
  }
}
