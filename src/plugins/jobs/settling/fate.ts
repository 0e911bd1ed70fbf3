/** Decides what becomes of a delivery that was not done. Pure. */
import {
  type Delivery,
  type DriverGuarantees,
  FaultKind,
  type Headers,
  type Verdict,
} from '../../../work/index.js'

/** A verdict on a delivery that was not done. */
export type NotDone = Exclude<Verdict, { readonly kind: 'done' }>

/** The settings of `jobs.retry`. */
export interface RetryPolicy {
  /** Tries at most; 0 means no limit. */
  readonly max: number
  /** Wait before the second try in ms. */
  readonly backoff: number
  readonly jitter: number
}

/** Facts about a delivery and its queue. */
export interface FateFacts {
  /** Number of this try, from 1. */
  readonly attempt: number
  readonly policy: RetryPolicy
  /** A `dead` pipeline takes what failed for good; false for the jobs of that pipeline itself. */
  readonly hasDead: boolean
  /** The queue has a policy of its own for what failed for good. */
  readonly keepsFailed: boolean
  /** End of a job that a worker of RoadRunner's does not acknowledge. */
  readonly nacked: DriverGuarantees['nacked']
  /** Wait of the queue's own settings in ms. */
  readonly retryMs: number | undefined
  readonly random: () => number
}

/**
 * `again`: the same message comes again, and `isFree` tries do not count. `copy`: a new message with other headers replaces it. `release`:
 * it never ran, or was cut off by a stop. `dead`: into the `dead` pipeline. `leave`: to the queue's own policy. `drop`: acknowledged, as
 * RoadRunner does. `park`: kept as failed.
 */
export type Fate =
  | { readonly kind: 'again'; readonly afterMs: number; readonly isFree: boolean }
  | { readonly kind: 'copy'; readonly afterMs: number; readonly headers: Headers }
  | { readonly kind: 'release' | 'dead' | 'leave' | 'drop' | 'park' }

/** True when the job is not to run again by itself. */
export function isForGood({ kind }: Fate): boolean {
  return kind === 'dead' || kind === 'leave' || kind === 'park'
}

const backoffMsMax = 300_000
const doublingsMax = 30

/** The wait before the try that follows number `attempt`: doubled with each, up to 5 minutes, less what chance takes away. */
export function waitMs(attempt: number, { backoff, jitter }: RetryPolicy, random: () => number): number {
  const fullMs = Math.min(backoffMsMax, backoff * 2 ** Math.min(attempt - 1, doublingsMax))
  return Math.round(fullMs * (1 - jitter * random()))
}

/** Returns what becomes of it. */
export function fateOf(delivery: Delivery, verdict: NotDone, facts: FateFacts): Fate {
  const { why, asked } = verdict
  // Nothing that the job did: the server stopped, or no worker was to be had.
  if (why.kind === FaultKind.stopped || why.kind === FaultKind.noWorkers) return { kind: 'release' }
  if (verdict.kind === 'fail')
    return asked === 'fail' && !facts.hasDead ? { kind: 'drop' } : { kind: forGood(facts) }
  if (asked === 'requeue') return requeued(delivery, verdict)
  // RoadRunner rejects it, and a queue with dead letters keeps what is rejected.
  if (asked === 'nack' && facts.nacked === 'dropped') return { kind: facts.keepsFailed ? 'leave' : 'drop' }
  const { attempt, policy, retryMs, random } = facts
  if (policy.max > 0 && attempt >= policy.max) return { kind: forGood(facts) }
  const afterMs = verdict.afterMs ?? retryMs ?? waitMs(attempt, policy, random)
  return { kind: 'again', afterMs, isFree: false }
}

/** A lane keeps its order only while the message stays where it is. */
function requeued({ lane }: Delivery, verdict: NotDone & { readonly kind: 'retry' }): Fate {
  const { afterMs = 0, headers = {} } = verdict
  if (lane !== undefined || Object.keys(headers).length === 0) return { kind: 'again', afterMs, isFree: true }
  return { kind: 'copy', afterMs, headers }
}

function forGood({ hasDead, keepsFailed }: FateFacts): 'dead' | 'leave' | 'park' {
  if (hasDead) return 'dead'
  return keepsFailed ? 'leave' : 'park'
}
