/** Contract of pipelines: the plugin that runs them provides `Jobs`, and other plugins push to them without RPC. */
import { serviceKey } from '../index.js'
import type { NewJob } from './source.js'

/** The pipelines of this server. */
export interface JobsService {
  /** Names of the pipelines, paused ones included. */
  pipelines(): readonly string[]
  /**
   * Resolves when the pipeline's queue has taken all jobs; they are then as safe as the queue is. Rejects with RR_QUEUE_REFUSED for an
   * unknown pipeline, for one that is only read, and when the queue refuses a job: the others may have been taken.
   */
  push(pipeline: string, jobs: readonly NewJob[]): Promise<void>
}

/** Key of the pipelines. */
export const Jobs = serviceKey<JobsService>('jobs')
