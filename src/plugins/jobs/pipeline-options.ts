/** Declarations of pipelines: what each is made of, and what all of them share. Types only. */
import type { Clock, Logger, Pool } from '../../index.js'
import type { JobDriver } from '../../work/driver.js'
import type { NewJob, Protocol } from '../../work/index.js'
import type { LastWord } from '../../work/last-word.js'
import type { DispatchedWork } from '../../work/traced-work.js'
import type { Scheduler } from './scheduler.js'
import type { RetryPolicy } from './settling/fate.js'

/** A pool, and the scheduler of all pipelines whose jobs it runs. */
export interface ScheduledPool {
  readonly pool: Pool
  readonly scheduler: Scheduler
  /** Shows jobs that failed for good to a worker; undefined: none are shown. */
  readonly lastWord?: LastWord | undefined
}

/** Services and settings that all pipelines share. */
export interface PipelineContext extends ScheduledPool {
  readonly retry: RetryPolicy
  readonly dead: string
  /** Makes the protocol of a pipeline. */
  readonly protocolOf: (pipeline: string, perJob: number) => Protocol
  /** Puts traces around the work of a pipeline; returns it as it is where there are none. */
  readonly traced: (
    work: DispatchedWork,
    about: { readonly pipeline: string; readonly driver: string; readonly queue: string },
  ) => DispatchedWork
  /** Pushes a job into the pipeline of that name. */
  readonly push: (pipeline: string, job: NewJob) => Promise<void>
  readonly clock: Clock
  readonly random: () => number
  readonly log: Logger
}

/** A pipeline as it is declared. */
export interface PipelineOptions {
  readonly name: string
  readonly driver: JobDriver
  /** The driver's validated keys. */
  readonly config: Readonly<Record<string, unknown>>
  readonly priority: number
  /** Workers of its own choice; without them those of the section. */
  readonly runsOn?: ScheduledPool | undefined
  /** Deliveries of one job at most; 1 by default. */
  readonly perJob?: number | undefined
  /** Header by whose values jobs take turns; without it they run as they come. */
  readonly fairBy?: string | undefined
  /** Jobs that are taken at most to find those of others, where the queue does not hand them out in turn. */
  readonly fairWindow?: number | undefined
}
