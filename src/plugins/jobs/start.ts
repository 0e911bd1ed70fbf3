/** Starts the plugin: opens its pipelines, registers its procedures, and gives back its life. */
import {
  type Announcement,
  type Clock,
  ErrorCode,
  hasCode,
  type Logger,
  type MetricsService,
  messageOf,
  onAbort,
  type Pool,
  Probe,
  type QueueState,
  QueueStates,
  type QueueStatesService,
  RelayError,
  type RpcService,
  type RunningPlugin,
  type TracingService,
} from '../../index.js'
import type { JobDriver } from '../../work/driver.js'
import { Jobs, jobsProtocol, type NewJob, rawProtocol } from '../../work/index.js'
import { rawBatchProtocol } from '../../work/protocols/raw-batch.js'
import { messagingSystem, tracedWork } from '../../work/traced-work.js'
import { inspectionProcedures } from './inspection.js'
import { watchPipelines } from './metrics.js'
import type { PipelineContext, ScheduledPool } from './pipeline-options.js'
import type { PipelineState } from './pipeline-state.js'
import { Pipelines } from './pipelines.js'
import { jobsProcedures } from './rpc.js'
import { Scheduler } from './scheduler.js'
import type { JobsSettings } from './section.js'

/** Services and settings of the plugin. */
export interface JobsOptions {
  readonly settings: JobsSettings
  /** Opens a pool by its keys or its name, or gives back the one that is open. */
  readonly openPool: (pool: JobsSettings['pool']) => Pool
  readonly drivers: ReadonlyMap<string, JobDriver>
  readonly rpc: RpcService
  readonly metrics: MetricsService | undefined
  readonly tracing: TracingService | undefined
  readonly log: Logger
  readonly clock: Clock
  readonly announce: (place: Announcement) => void
  readonly defer: (undo: () => unknown) => void
}

/** Priority of a pipeline for which neither the file nor its driver names one. */
const priorityDefault = 10

/** Opens all pipelines; those of `consume` take jobs once the server serves. Rejects with a fault of the configuration. */
export async function startJobs(options: JobsOptions): Promise<JobsPlugin> {
  const { settings, openPool, rpc, metrics, log, clock, announce, defer } = options
  const drivers = new Map([...options.drivers.values()].map((driver) => [driver.name, driver]))
  const schedule = await scheduling(options)
  const scheduledPools: ScheduledPools = new Map()
  const runsIn = (pool: Pool) => scheduledPoolIn(scheduledPools, pool, schedule)
  const scheduled = runsIn(openPool(settings.pool))
  const pipelines: Pipelines = new Pipelines({
    onPushed: metrics === undefined ? undefined : watchPipelines(metrics, () => pipelines.states()),
    timeoutMs: settings.timeout * 1000,
    context: {
      ...scheduled,
      retry: settings.retry,
      dead: settings.dead,
      protocolOf: (name, perJob) => {
        if (settings.mode === 'jobs') return jobsProtocol(name)
        return perJob > 1 ? rawBatchProtocol : rawProtocol
      },
      traced: tracerOf(options),
      clock,
      random: Math.random,
      log,
    },
  })
  defer(() => pipelines.close())
  const runsOn = (pool: string) => runsIn(openPool(pool))
  for (const [name, { driver: driverName, pool, priority, config, ...keys }] of Object.entries(
    settings.pipelines,
  )) {
    const driver = drivers.get(driverName)
    if (driver === undefined) throw noDriver(name, driverName, [...drivers.keys()])
    await pipelines.declare({
      ...pipelineOf(name, driver, config, priority),
      runsOn: pool === undefined ? scheduled : runsOn(pool),
      perJob: keys.records_per_job,
      fairBy: keys.fair_by,
      fairWindow: keys.fair_window,
    })
  }
  rpc.register('jobs', {
    ...jobsProcedures({ pipelines, drivers, consume: settings.consume, mode: settings.mode, runsOn }),
    ...inspectionProcedures(pipelines),
  })
  announce({ what: 'jobs', where: placesOf(settings) })
  return {
    services: [
      [QueueStates, queueStatesOf(pipelines)],
      [Jobs, { pipelines: () => pipelines.names(), push: (name, jobs) => pushFor(pipelines, name, jobs) }],
      [
        Probe,
        {
          health: () => hasWorkers(scheduledPools),
          ready: () => hasWorkers(scheduledPools) && pipelines.unreachable().length === 0,
        },
      ],
    ],
    async serve() {
      for (const name of settings.consume) pipelines.resume(name)
    },
    stopTaking: () => pipelines.stopTaking(),
    async drain(signal) {
      await Promise.race([pipelines.finished(), new Promise<void>((resolve) => onAbort(signal, resolve))])
    },
  }
}

/** Puts traces around the work of pipelines, where there is a plugin that makes them. */
function tracerOf({ tracing, settings }: JobsOptions): PipelineContext['traced'] {
  if (tracing === undefined) return (work) => work
  const form = settings.mode === 'jobs' ? 'jobs' : 'raw'
  return (work, { pipeline, driver, queue }) => {
    const about = { system: messagingSystem(driver), destination: queue }
    return tracedWork({ tracing, ...about, form, attributes: { 'rr.pipeline': pipeline } }, work)
  }
}

type ScheduledPools = Map<Pool, ScheduledPool>

type Schedule = (pool: Pool) => ScheduledPool

/** Makes what a pool needs to run jobs of pipelines. */
async function scheduling({ settings, clock, log }: JobsOptions): Promise<Schedule> {
  if (settings.failed === 'keep') return (pool) => ({ pool, scheduler: new Scheduler({ pool, clock }) })
  const { LastWord } = await import('../../work/last-word.js')
  return (pool) => ({
    pool,
    scheduler: new Scheduler({ pool, clock }),
    lastWord: new LastWord({ pool, log, key: 'jobs.failed' }),
  })
}

/** Returns the pool with its scheduler: one for all its pipelines, so that their weights hold among them. */
function scheduledPoolIn(scheduledPools: ScheduledPools, pool: Pool, schedule: Schedule): ScheduledPool {
  const scheduled = scheduledPools.get(pool) ?? schedule(pool)
  scheduledPools.set(pool, scheduled)
  return scheduled
}

/** True while each pool has workers that live. */
function hasWorkers(scheduledPools: ScheduledPools): boolean {
  return [...scheduledPools.keys()].every(({ liveCount }) => liveCount > 0)
}

type JobsPlugin = RunningPlugin<readonly [typeof QueueStates, typeof Jobs, typeof Probe]>

/** Pushes for another plugin. Whatever keeps jobs out has the code that plugins know. */
async function pushFor(pipelines: Pipelines, name: string, jobs: readonly NewJob[]): Promise<void> {
  try {
    await pipelines.push(name, jobs)
  } catch (error) {
    if (hasCode(error, ErrorCode.QueueRefused)) throw error
    throw new RelayError(ErrorCode.QueueRefused, messageOf(error), { cause: error })
  }
}

function queueStatesOf(pipelines: Pipelines): QueueStatesService {
  return {
    states: async () => (await pipelines.states()).map(queueState),
    control: {
      pause: (name) => pipelines.pause(name),
      resume: async (name) => pipelines.resume(name),
      kept: async (name) => pipelines.find(name).failed(),
      redrive: async (name, ids) => pipelines.find(name).redrive(ids),
    },
  }
}

function queueState({ state, ...rest }: PipelineState): QueueState {
  return { ...rest, isReady: state === 'consuming' }
}

/** A pipeline's own `priority` wins over its driver's key of that name, which the driver gives to jobs that have none. */
function pipelineOf(
  name: string,
  driver: JobDriver,
  given: Readonly<Record<string, unknown>>,
  own: number | undefined,
) {
  const priority = own ?? (typeof given.priority === 'number' ? given.priority : priorityDefault)
  const config = own === undefined ? given : { ...given, priority }
  return { name, driver, config, priority }
}

function placesOf({ pipelines, consume }: JobsSettings): string {
  const names = Object.keys(pipelines)
  const paused = names.filter((name) => !consume.includes(name))
  const from = consume.length === 0 ? 'no pipeline' : consume.join(', ')
  return paused.length === 0 ? `from ${from}` : `from ${from} (paused: ${paused.join(', ')})`
}

function noDriver(pipeline: string, driver: string, known: readonly string[]): RelayError {
  const what = `pipeline "${pipeline}" has the driver "${driver}", which no plugin brings (drivers: ${known.join(', ')})`
  return new RelayError(ErrorCode.ConfigInvalid, what, {
    hint: 'List the plugin that brings it under `plugins:`.',
  })
}
