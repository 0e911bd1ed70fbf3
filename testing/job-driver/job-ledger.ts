/** The ledger of a case: holds what was pushed against what workers have done, and judges by the driver's promises. Pure. */
import type { DriverGuarantees } from '../../src/work/index.js'

/** Facts that are judged. */
export interface JobLedger {
  /** Ids whose push was acknowledged: each must be done. */
  readonly pushed: readonly string[]
  /** Ids whose push was not acknowledged: each may be done. */
  readonly doubtful?: readonly string[]
  /** Ids of jobs that were done, once an end. */
  readonly done: readonly string[]
  /** Ends of servers and brokers with jobs in hand. */
  readonly crashes: number
  /** Jobs that one end may make run twice. */
  readonly inHandMax: number
}

/** Returns what is wrong, one sentence each. */
export function judgeJobs(ledger: JobLedger, { duplicates }: DriverGuarantees): readonly string[] {
  const { pushed, doubtful = [], done, crashes, inHandMax } = ledger
  const counts = new Map<string, number>()
  for (const id of done) counts.set(id, (counts.get(id) ?? 0) + 1)
  const known = new Set([...pushed, ...doubtful])
  const lost = pushed.filter((id) => !counts.has(id))
  const unknown = [...counts.keys()].filter((id) => !known.has(id))
  // A push that was not acknowledged is tried again: the queue may have taken both.
  const twice = [...counts].filter(([id, count]) => count > 1 && !doubtful.includes(id)).map(([id]) => id)
  const twiceMax = { never: 0, crash: crashes * inHandMax, always: Number.POSITIVE_INFINITY }[duplicates]
  return [
    ...told('were lost', lost),
    ...told('were done and never pushed', unknown),
    ...(twice.length > twiceMax ? told(`were done twice, at most ${twiceMax} may be`, twice) : []),
  ]
}

function told(what: string, ids: readonly string[]): readonly string[] {
  return ids.length === 0 ? [] : [`${ids.length} jobs ${what}: ${ids.slice(0, 10).join(', ')}`]
}
