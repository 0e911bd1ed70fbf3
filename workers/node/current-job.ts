/** The job that runs, for code that was not handed its context. */
import type { JobContext } from './context.js'

/** A running job. */
export interface CurrentJob {
  readonly context: JobContext
  /** Number of the job, where the worker runs several at once: lines of the log carry it, so that the server finds their job. */
  readonly jobId?: string | undefined
}

let find: () => CurrentJob | undefined = () => undefined

/** Sets the function that finds the running job. */
export function findJobsBy(finds: () => CurrentJob | undefined): void {
  find = finds
}

/** Returns the job in which this is called; undefined outside of jobs. */
export function currentJob(): CurrentJob | undefined {
  return find()
}

/** Returns the context of the job in which this is called; undefined outside of jobs. */
export function context(): JobContext | undefined {
  return find()?.context
}
