/** Writes log lines about jobs that were not done. Never a payload. */
import type { LogFields, Logger } from '../../../index.js'
import { type Fault, FaultKind, type WorkerError } from '../../../work/index.js'
import type { Fate } from './fate.js'

/** A job that was not done, and what becomes of it. */
export interface JobReport {
  readonly pipeline: string
  readonly job: string
  readonly attempt: number
  readonly why: Fault
  readonly fate: Fate
  /** Pipeline of jobs that failed for good. */
  readonly dead: string
}

/** Tells of it in one line. */
export function reportJob(log: Logger, report: JobReport): void {
  const { why, fate, dead } = report
  switch (fate.kind) {
    case 'again':
      log[levelOf(why)]({ ...fieldsOf(report), afterMs: fate.afterMs }, 'a job failed, it comes again')
      return
    case 'copy':
      log.info({ ...fieldsOf(report), afterMs: fate.afterMs }, 'a worker requeued a job with other headers')
      return
    case 'release':
      log.debug(fieldsOf(report), 'a job was not run, it comes again')
      return
    case 'dead':
      log.error({ ...fieldsOf(report), dead }, 'a job failed for good: it moves to the pipeline for those')
      return
    case 'leave':
      log.error(fieldsOf(report), 'a job failed for good: it is left to the queue’s own policy')
      return
    case 'park':
      log.error(fieldsOf(report), 'a job failed for good: it is kept, see `rr jobs dead`')
      return
    default:
      log.warn(fieldsOf(report), 'a worker gave up a job: it is acknowledged, as in RoadRunner')
  }
}

/** Tells of a job that failed for good, and that a worker has settled. */
export function reportSettled(log: Logger, report: Omit<JobReport, 'fate' | 'dead'>): void {
  log.error(fieldsOf(report), 'a job failed for good: a worker has settled it, and it is acknowledged')
}

/** Tells of a failed job that was acknowledged before it ran. */
export function reportAcknowledged(log: Logger, report: Omit<JobReport, 'fate' | 'dead'>): void {
  log.error(fieldsOf(report), 'a job failed that was acknowledged before it ran (auto_ack): it is gone')
}

/** Level of a failure: a requested retry is not a fault; anything else needs attention. */
function levelOf({ kind }: Fault): 'info' | 'error' {
  return kind === FaultKind.retry ? 'info' : 'error'
}

function fieldsOf({ pipeline, job, attempt, why }: Omit<JobReport, 'fate' | 'dead'>): LogFields {
  return { pipeline, job, attempt, ...faultFields(why) }
}

/** The names of faults as Lambda is told them, so that one filter of a log finds both. */
function faultFields({ kind, message, own }: Fault): LogFields {
  if (own !== undefined) return ownFields(own)
  const name = kind === FaultKind.tooLarge ? 'payloadTooLarge' : kind
  return { errorType: `RR.${name.charAt(0).toUpperCase()}${name.slice(1)}`, errorMessage: message }
}

function ownFields({ type, message, stack }: WorkerError): LogFields {
  const trace = stack.length === 0 ? {} : { stackTrace: stack }
  return { errorType: type, errorMessage: message, ...trace }
}
