/** Plays seed after seed and adds up what happened; the first that violates anything ends it, with its seed and its plan. */
import { drawPlan, play, type ScheduleResult } from './schedule.js'

/** Which seeds. */
export interface Seeds {
  readonly first: number
  readonly count: number
  /** Told after each. */
  readonly onPlayed?: (seed: number) => void
}

/** Rejects with the seed of the failure, which RR_TEST_SEED plays again. */
export async function playSeeds({ first, count, onPlayed }: Seeds): Promise<ScheduleResult> {
  let sums: ScheduleResult = {
    sent: 0,
    deleted: 0,
    dead: 0,
    invocations: 0,
    restarts: 0,
    waited: 0,
    virtualMs: 0,
  }
  for (let seed = first; seed < first + count; seed += 1) {
    const plan = drawPlan(seed)
    try {
      sums = add(sums, await play(plan))
    } catch (error) {
      throw new Error(`RR_TEST_SEED=${seed}: ${String(error)}\n${JSON.stringify(plan)}`, { cause: error })
    }
    onPlayed?.(seed)
  }
  return sums
}

/** The seeds that the environment asks for: RR_TEST_SEED is one, RR_TEST_FIRST_SEED and RR_TEST_SCHEDULES are a range. */
export function askedSeeds(env: NodeJS.ProcessEnv, countDefault: number): Seeds {
  const { RR_TEST_SEED: one, RR_TEST_FIRST_SEED: first = '1', RR_TEST_SCHEDULES: count = countDefault } = env
  return one === undefined ? { first: Number(first), count: Number(count) } : { first: Number(one), count: 1 }
}

function add(a: ScheduleResult, b: ScheduleResult): ScheduleResult {
  return {
    sent: a.sent + b.sent,
    deleted: a.deleted + b.deleted,
    dead: a.dead + b.dead,
    invocations: a.invocations + b.invocations,
    restarts: a.restarts + b.restarts,
    waited: a.waited + b.waited,
    virtualMs: a.virtualMs + b.virtualMs,
  }
}
