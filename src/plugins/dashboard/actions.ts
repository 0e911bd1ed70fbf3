/** Actions of an operator on the page. Each action is logged before it is done. */
import {
  type JsonObject,
  type KeptJob,
  type LiveStateService,
  type Logger,
  messageOf,
  type PoolsService,
  type QueueControl,
  type QueueStatesService,
} from '../../index.js'

/** Services that actions use. */
export interface ActionsOptions {
  readonly live: LiveStateService
  readonly pools: Pick<PoolsService, 'reset'>
  readonly queues: ReadonlyMap<string, QueueStatesService>
  readonly log: Logger
  /** False: the page only shows. */
  readonly isAllowed: boolean
}

/** Answer to an action: a status and a document. */
export interface ActionAnswer {
  readonly status: number
  readonly body: JsonObject
}

const keptShownMax = 200

/** Runs one action by its name. Never rejects. */
export async function runDashboardAction(
  name: string,
  input: JsonObject,
  options: ActionsOptions,
): Promise<ActionAnswer> {
  const action = Object.hasOwn(actions, name) ? actions[name] : undefined
  if (action === undefined) return { status: 404, body: { error: `there is no action ${name}` } }
  if (!options.isAllowed && action.changes)
    return { status: 403, body: { error: 'actions are switched off: dashboard.actions' } }
  try {
    if (action.changes)
      options.log.info({ action: name, ...told(input) }, 'an action was asked for on the dashboard')
    return { status: 200, body: await action.run(input, options) }
  } catch (error) {
    if (action.changes)
      options.log.warn({ action: name, error: messageOf(error) }, 'an action of the dashboard failed')
    return { status: 409, body: { error: messageOf(error) } }
  }
}

interface Action {
  readonly changes: boolean
  run(input: JsonObject, options: ActionsOptions): Promise<JsonObject>
}

const actions: Readonly<Record<string, Action>> = {
  reset: {
    changes: true,
    run: async (input, { pools }) => {
      await pools.reset(textIn(input, 'pool'))
      return {}
    },
  },
  pause: {
    changes: true,
    run: async (input, options) => {
      const { control, pipeline } = await controlOf(input, options)
      await control.pause(pipeline)
      return {}
    },
  },
  resume: {
    changes: true,
    run: async (input, options) => {
      const { control, pipeline } = await controlOf(input, options)
      await control.resume(pipeline)
      return {}
    },
  },
  redrive: {
    changes: true,
    run: async (input, options) => {
      const { control, pipeline } = await controlOf(input, options)
      return { count: await control.redrive(pipeline, idsIn(input)) }
    },
  },
  kept: {
    changes: false,
    run: async (input, options) => {
      const { control, pipeline } = await controlOf(input, options)
      const jobs = await control.kept(pipeline)
      return { count: jobs.length, jobs: jobs.slice(0, keptShownMax).map(keptRow) }
    },
  },
  stack: {
    changes: false,
    run: async (input, { live }) => {
      const { pid } = input
      if (typeof pid !== 'number') throw new Error('pid is not a number')
      return { ...(await live.stack({ pool: textIn(input, 'pool'), pid })) }
    },
  },
}

function keptRow({ id, name, why, attempt, atMs }: KeptJob): JsonObject {
  const failedAt = atMs === undefined ? null : new Date(atMs).toISOString()
  return { id, job: name, why, attempt: attempt ?? null, failed_at: failedAt }
}

async function controlOf(
  input: JsonObject,
  { queues }: ActionsOptions,
): Promise<{ readonly control: QueueControl; readonly pipeline: string }> {
  const pipeline = textIn(input, 'pipeline')
  for (const { states, control } of queues.values()) {
    if (control !== undefined && (await states()).some((one) => one.pipeline === pipeline))
      return { control, pipeline }
  }
  throw new Error(`there is no queue ${JSON.stringify(pipeline)} that can be controlled`)
}

function textIn(input: JsonObject, key: string): string {
  const value = input[key]
  if (typeof value !== 'string' || value === '') throw new Error(`${key} is not a text`)
  return value
}

/** Undefined: all. */
function idsIn({ ids }: JsonObject): readonly string[] | undefined {
  if (ids === undefined || ids === null) return undefined
  if (!Array.isArray(ids) || !ids.every((id) => typeof id === 'string') || ids.length === 0)
    throw new Error('ids is not a list of texts')
  return ids
}

/** Names of what an action is about; never a payload. */
function told({ pool, pipeline, ids }: JsonObject): JsonObject {
  return {
    ...(typeof pool === 'string' ? { pool } : {}),
    ...(typeof pipeline === 'string' ? { pipeline } : {}),
    ...(Array.isArray(ids) ? { jobs: ids.length } : {}),
  }
}
