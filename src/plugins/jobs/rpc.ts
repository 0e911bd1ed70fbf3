/** The procedures `jobs.*`, as RoadRunner's clients call them: messages, texts of errors, and what they answer. */
import { messageOf, procedure, type RpcService } from '../../index.js'
import type { JobDriver } from '../../work/driver.js'
import type { Headers, NewJob } from '../../work/index.js'
import { declaredConfig, declaredKeys } from './declare.js'
import {
  declareRequest,
  emptyMessage,
  type JobMessage,
  pipelinesMessage,
  pushBatchRequest,
  pushRequest,
  requestSchemas,
  type StatMessage,
  statsMessage,
} from './messages.js'
import type { ScheduledPool } from './pipeline-options.js'
import type { PipelineState } from './pipeline-state.js'
import type { Pipelines } from './pipelines.js'
import { type JobsSettings, pipelineFaults } from './section.js'

/** Services behind the procedures. */
export interface JobsRpcOptions {
  readonly pipelines: Pipelines
  /** By name. */
  readonly drivers: ReadonlyMap<string, JobDriver>
  /** Pipelines that are consumed as soon as they are declared. */
  readonly consume: readonly string[]
  /** Protocol of the workers. */
  readonly mode: JobsSettings['mode']
  /** Opens a pool by its name, or gives back the one that is open. */
  readonly runsOn: (pool: string) => ScheduledPool
}

const priorityDefault = 10
const priorityMax = 1000

/** The procedures by name. */
export function jobsProcedures(options: JobsRpcOptions): Parameters<RpcService['register']>[1] {
  const { pipelines } = options
  return {
    Push: procedure({
      input: requestSchemas.push,
      request: pushRequest,
      reply: emptyMessage,
      call: ({ job = {} }) =>
        as('rpc_push', async () => {
          if (!job.id) throw new Error('empty ID field not allowed')
          await as('jobs_plugin_push', () => push(pipelines, job))
          return {}
        }),
    }),
    PushBatch: procedure({
      input: requestSchemas.pushBatch,
      request: pushBatchRequest,
      reply: emptyMessage,
      call: ({ jobs = [] }) =>
        as('rpc_push_batch', () =>
          as('jobs_plugin_push_batch', async () => {
            await pushAll(pipelines, jobs)
            return {}
          }),
        ),
    }),
    Declare: procedure({
      input: requestSchemas.declare,
      request: declareRequest,
      reply: emptyMessage,
      audited: true,
      call: ({ pipeline = {} }) =>
        as('rpc_declare_pipeline', async () => {
          await declare(options, pipeline)
          return {}
        }),
    }),
    Destroy: overNames(async (names) => {
      for (const name of names)
        await as('rpc_destroy_pipeline', () => as('jobs_plugin_destroy', () => pipelines.destroy(name)))
      return { pipelines: names }
    }),
    Pause: overNames(async (names) => {
      for (const name of names) await pipelines.pause(name)
      return {}
    }),
    Resume: overNames(async (names) => {
      for (const name of names) pipelines.resume(name)
      return {}
    }),
    List: procedure({
      input: requestSchemas.empty,
      request: emptyMessage,
      reply: pipelinesMessage,
      call: () => ({ pipelines: pipelines.names() }),
    }),
    Stat: procedure({
      input: requestSchemas.empty,
      request: emptyMessage,
      reply: statsMessage,
      call: () => as('rpc_stats', async () => ({ stats: (await pipelines.states()).map(statOf) })),
    }),
    // What `informer.Jobs` answers for this plugin.
    InformerJobs: { call: async () => (await pipelines.states()).map(informerStateOf) },
  }
}

function overNames(
  act: (names: readonly string[]) => Promise<{ readonly pipelines?: readonly string[] }>,
): ReturnType<typeof procedure> {
  return procedure({
    input: requestSchemas.pipelines,
    request: pipelinesMessage,
    reply: pipelinesMessage,
    audited: true,
    call: ({ pipelines: names = [] }) => act(names),
  })
}

/** Names the operation in front of an error's text, as RoadRunner does: clients show these texts, and scripts match them. */
async function as<T>(operation: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act()
  } catch (error) {
    const separator = error instanceof OperationError ? ':\n\t' : ': '
    throw new OperationError(`${operation}${separator}${messageOf(error)}`, { cause: error })
  }
}

class OperationError extends Error {}

function push(pipelines: Pipelines, message: JobMessage): Promise<void> {
  const name = message.options?.pipeline ?? ''
  return pipelines.push(name, [newJobOf(message, pipelines.find(name).priority)])
}

/** Jobs of one push of a batch: each has the whole time of `timeout`. */
const pushedTogetherMax = 256

/** One after the other; neighbours of one pipeline in one push. Stops at the first that is refused. */
async function pushAll(pipelines: Pipelines, messages: readonly JobMessage[]): Promise<void> {
  for (let at = 0; at < messages.length; ) {
    const name = pipelineOf(messages[at])
    const { priority } = pipelines.find(name)
    let end = at + 1
    while (end < messages.length && end < at + pushedTogetherMax && pipelineOf(messages[end]) === name)
      end += 1
    await pipelines.push(
      name,
      messages.slice(at, end).map((message) => newJobOf(message, priority)),
    )
    at = end
  }
}

function pipelineOf(message: JobMessage | undefined): string {
  return message?.options?.pipeline ?? ''
}

/** One object for all jobs without headers. */
const noHeaders: Headers = Object.freeze({})

/** Priority 0 is the pipeline's; RoadRunner's other priorities are ranks beyond our weights, and become the nearest. */
function newJobOf(message: JobMessage, pipelinePriority: number): NewJob {
  const { job = '', id = '', payload = '', text, headers, options = {} } = message
  const { priority = 0, delay = 0, auto_ack: autoAck, topic = '', partition } = options
  return {
    id,
    name: job,
    body: text ?? (typeof payload === 'string' ? Buffer.from(payload, 'base64') : payload),
    headers: headers === undefined ? noHeaders : headersOfMessage(headers),
    priority: priority === 0 ? pipelinePriority : Math.min(priorityMax, Math.max(1, priority)),
    delayMs: Math.max(0, delay) * 1000,
    ...(autoAck === true ? { autoAck } : {}),
    ...placeOf(topic, partition),
  }
}

/** The place that RoadRunner's clients name for Kafka. Partition 0 is also what they send without one: it counts with a topic only. */
function placeOf(topic: string, partition: number | undefined): Pick<NewJob, 'place'> {
  if (topic === '' && (partition ?? 0) === 0) return {}
  return {
    place: { ...(topic === '' ? {} : { topic }), ...(partition === undefined ? {} : { partition }) },
  }
}

function headersOfMessage(headers: NonNullable<JobMessage['headers']>): Headers {
  return Object.fromEntries(Object.entries(headers).map(([key, { value = [] }]) => [key, value]))
}

async function declare(
  { pipelines, drivers, consume, mode, runsOn }: JobsRpcOptions,
  given: Readonly<Record<string, string>>,
): Promise<void> {
  const { name = given.queue ?? '', driver: driverName = '' } = given
  if (driverName === '') throw nested(`no associated driver with the pipeline, pipeline name: ${name}`)
  const driver = drivers.get(driverName)
  if (driver === undefined)
    throw nested(`no driver "${driverName}" (drivers: ${[...drivers.keys()].join(', ')})`)
  const priority = Math.min(priorityMax, Math.max(1, Number(given.priority) || priorityDefault))
  const config = declaredConfig({ ...given, priority: String(priority) }, driver.part.properties)
  const { pool = '', ...keys } = declaredKeys(given)
  const [fault] = pipelineFaults(keys, mode)
  if (fault !== undefined) throw nested(fault.what)
  await pipelines.declare({
    name,
    driver,
    config,
    priority,
    ...(pool === '' ? {} : { runsOn: runsOn(pool) }),
    perJob: keys.records_per_job,
    fairBy: keys.fair_by,
    fairWindow: keys.fair_window,
  })
  if (consume.includes(name)) pipelines.resume(name)
}

function nested(text: string): Error {
  return new OperationError(`jobs_plugin_declare: ${text}`)
}

/** Under the names of Go's fields, as RoadRunner's JSON has them. */
function informerStateOf(state: PipelineState): object {
  const { pipeline, driver, queue, active = 0, delayed = 0, reserved = 0, priority, error = '' } = state
  return {
    Pipeline: pipeline,
    Driver: driver,
    Queue: queue,
    Active: active,
    Delayed: delayed,
    Reserved: reserved,
    Ready: state.state === 'consuming',
    Priority: priority,
    ErrorMessage: error,
  }
}

/** Fields that are zero are left out, as RoadRunner's JSON leaves them out. */
function statOf(state: PipelineState): Partial<StatMessage> {
  const { pipeline, driver, queue, active, delayed, reserved, priority } = state
  const stat = {
    pipeline,
    driver,
    queue,
    active: active ?? 0,
    delayed: delayed ?? 0,
    reserved: reserved ?? 0,
    ready: state.state === 'consuming',
    priority,
  }
  return Object.fromEntries(Object.entries(stat).filter(([, value]) => Boolean(value)))
}
