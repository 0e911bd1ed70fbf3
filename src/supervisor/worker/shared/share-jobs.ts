/** Decides from what a worker announced whether it runs several jobs at once. */
import type { Announced } from '../../../ipc/control.js'
import { SharedJobs } from './shared-jobs.js'
import { placeCountOf, type SharedJobsOptions } from './shared-worker.js'

/** Returns the jobs of a worker that announced several at once; undefined for any other. */
export function shareJobs(announced: Announced, options: SharedJobsOptions): SharedJobs | undefined {
  const placeCount = placeCountOf(options.host, announced)
  if (placeCount === 1) return undefined
  const shared = new SharedJobs(options, placeCount)
  options.output.tagEach((text) => shared.tag(text))
  return shared
}
