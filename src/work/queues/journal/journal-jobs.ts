/** The jobs of a journal as its source keeps them in memory: without bodies and headers, which the journal has. */
import type { Journal } from '../../../index.js'
import type { Delivery } from '../../source.js'
import { turnOfHeaders } from '../../turns.js'
import { jobRecord } from '../job-record.js'
import { readJob, readKey, readState, type StoredFailure, type StoredJob, stateKey } from './stored-job.js'

/** A job of a journal. */
export interface JournalJob {
  readonly sequence: number
  readonly priority: number
  readonly lane: string | undefined
  /** Key of its turn; empty where jobs come by age. */
  readonly turn: string
  readonly pushedMs: number
  dueMs: number
  /** Tries that failed. */
  tries: number
  /** Times that it was handed out, as far as this process knows. */
  deliveries: number
  failure: StoredFailure | undefined
  /** Stands for the last delivery; another number is one of the past. */
  receipt: number
  /** The journal has an entry with its changes. */
  hasState: boolean
}

/** Facts about a new job. */
type NewFacts = Pick<JournalJob, 'sequence' | 'priority' | 'lane' | 'turn' | 'dueMs' | 'pushedMs'>

/** Makes a job that was just pushed. */
export function newJournalJob({ sequence, priority, lane, turn, dueMs, pushedMs }: NewFacts): JournalJob {
  return {
    sequence,
    priority,
    lane,
    turn,
    pushedMs,
    dueMs,
    tries: 0,
    deliveries: 0,
    failure: undefined,
    receipt: 0,
    hasState: false,
  }
}

/** Loads the jobs of a pipeline, by their sequence numbers. */
export function loadJobs(journal: Journal, fairBy?: string): Map<number, JournalJob> {
  const jobs = new Map<number, JournalJob>()
  for (const [key, value] of journal.entries()) {
    const known = readKey(key)
    if (known?.kind !== 'j') continue
    const { sequence } = known
    const { priority, lane, pushedMs, dueMs, headers } = readJob(value)
    const changes = journal.get(stateKey(sequence))
    const state = readState(changes)
    const turn = fairBy === undefined ? '' : turnOfHeaders(headers, fairBy)
    const job = newJournalJob({ sequence, priority, lane, turn, pushedMs, dueMs: state.dueMs || dueMs })
    const { tries, failure } = state
    jobs.set(sequence, { ...job, tries, deliveries: tries, failure, hasState: changes !== undefined })
  }
  return jobs
}

/** The highest sequence number; 0 without jobs. */
export function lastOf(jobs: ReadonlyMap<number, JournalJob>): number {
  let last = 0
  for (const sequence of jobs.keys()) last = Math.max(last, sequence)
  return last
}

/** Makes a delivery. */
export function journalDelivery(
  job: JournalJob,
  about: {
    readonly stored: StoredJob
    readonly body: Buffer
    readonly kind: string
    readonly pipeline: string
  },
): Delivery {
  const { sequence, priority, lane, deliveries, pushedMs, receipt } = job
  const { stored, body, kind, pipeline } = about
  const { id: ownId, name, headers, isAutoAck } = stored
  const id = String(sequence)
  const attributes = {
    ApproximateReceiveCount: String(deliveries),
    SentTimestamp: String(Math.round(pushedMs)),
    ...(lane === undefined ? {} : { MessageGroupId: lane }),
  }
  return {
    id,
    source: kind,
    body,
    record: { ...jobRecord({ kind, id, ownId, name, pipeline, queue: pipeline, attributes }), receipt },
    headers,
    attempt: deliveries,
    priority,
    ...(lane === undefined ? {} : { lane }),
    ...(isAutoAck ? { autoAck: true } : {}),
  }
}
