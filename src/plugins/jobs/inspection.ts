/** Procedures beside RoadRunner's: the full state of pipelines, and the jobs that failed for good. What `rr jobs` asks. */
import { procedure, type RpcService } from '../../index.js'
import { ownAttribute } from '../../work/protocols/record-headers.js'
import type { FailedJob } from './failed-set.js'
import type { PipelineState } from './pipeline-state.js'
import type { Pipelines } from './pipelines.js'

const name = { type: 'string' } as const

/** The procedures by name. */
export function inspectionProcedures(pipelines: Pipelines): Parameters<RpcService['register']>[1] {
  return {
    States: procedure({ call: async () => ({ pipelines: (await pipelines.states()).map(stateRow) }) }),
    Failed: procedure({
      input: { type: 'object', properties: { pipeline: name } },
      call: ({ pipeline }) => {
        const names = pipeline === undefined ? pipelines.names() : [pipeline]
        const rows = names.flatMap((one) =>
          pipelines
            .find(one)
            .failed()
            .map((job) => failedRow(one, job)),
        )
        return { jobs: rows }
      },
    }),
    Redrive: procedure({
      input: {
        type: 'object',
        properties: { pipeline: { ...name, required: true }, ids: { type: 'array', items: name } },
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

function failedRow(pipeline: string, { delivery, why, attempt, atMs }: FailedJob): object {
  return {
    pipeline,
    id: delivery.id,
    job: ownAttribute(delivery.record, 'rr_job') ?? '',
    attempt,
    failed_at: new Date(atMs).toISOString(),
    why: why.message,
  }
}
