/** Procedures beside RoadRunner's: the full state of pipelines, and the jobs that failed for good. What `rr jobs` asks. */
import { procedure, type RpcService } from '../../index.js'
import type { KeptMessage } from '../../work/index.js'
import type { PipelineState } from './pipeline-state.js'
import type { Pipelines } from './pipelines.js'

const text = { type: 'string' } as const

/** The procedures by name. */
export function inspectionProcedures(pipelines: Pipelines): Parameters<RpcService['register']>[1] {
  return {
    States: procedure({ call: async () => ({ pipelines: (await pipelines.states()).map(stateRow) }) }),
    Failed: procedure({
      input: { type: 'object', properties: { pipeline: text } },
      call: async ({ pipeline }) => {
        const names = pipeline === undefined ? pipelines.names() : [pipeline]
        const rows = names.map(async (one) =>
          (await pipelines.find(one).failed()).map((job) => failedRow(one, job)),
        )
        return { jobs: (await Promise.all(rows)).flat() }
      },
    }),
    Redrive: procedure({
      input: {
        type: 'object',
        properties: { pipeline: { ...text, required: true }, ids: { type: 'array', items: text } },
      },
      audited: true,
      call: async ({ pipeline, ids }) => {
        const found = pipelines.find(pipeline)
        return { count: await found.redrive(ids.length === 0 ? undefined : ids) }
      },
    }),
  }
}

/** Numbers that a queue cannot say are null. */
function stateRow(state: PipelineState): object {
  const { error = null, active = null, delayed = null, reserved = null, oldestMs = null } = state
  const { pipeline, driver, queue, priority, running, waiting, kept, perMinute, tally } = state
  return {
    pipeline,
    driver,
    queue,
    priority,
    state: state.state,
    error,
    active,
    delayed,
    reserved,
    oldest_ms: oldestMs === null ? null : Math.round(oldestMs),
    running,
    waiting,
    kept,
    per_minute: perMinute,
    ...tally,
  }
}

/** Facts that a queue does not know are null. */
function failedRow(pipeline: string, { id, name, why, attempt, atMs }: KeptMessage): object {
  const failedAt = atMs === undefined ? null : new Date(atMs).toISOString()
  return { pipeline, id, job: name, attempt: attempt ?? null, failed_at: failedAt, why }
}
