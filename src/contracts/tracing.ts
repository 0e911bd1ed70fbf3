/**
 * Contract of traces: plugins that take work in begin a trace for each piece of it, and give its headers to the worker that runs it. Need it
 * with `optional(Tracing)`: without a provider there is no service, and work costs a comparison.
 */
import type { Job } from '../supervisor/job.js'
import { serviceKey } from '../supervisor/plugins/keys.js'

/** Attributes of a span; undefined ones are left out. */
export type TraceAttributes = Readonly<Record<string, string | number | boolean | undefined>>

/** A piece of work as it begins. */
export interface TraceStart {
  /** Name of its span: few different ones, such as `GET` or `process orders`. */
  readonly name: string
  readonly kind: 'server' | 'consumer'
  readonly attributes: TraceAttributes
  /** Reads a header that came with the work, by its name in lower case: `traceparent` and others. */
  readonly header: (name: string) => string | undefined
  /** Work that this is a part of: its parent, where the headers name none, else linked. */
  readonly within?: WorkTrace | undefined
}

/** End of a piece of work. */
export interface TraceEnd {
  readonly attributes?: TraceAttributes
  /** Kind of the error that it ended with, such as `500` or `RR_WORKER_CRASHED`; absent when it went well. */
  readonly error?: string | undefined
  readonly message?: string | undefined
}

/** The trace of one piece of work: a span of the server, and below it one of the worker's run. */
export interface WorkTrace {
  /** Headers for the worker, names in lower case: spans of its own become children of the run. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  /** Says which job runs the work: the span of the run begins when a worker is sent it, and ends with its outcome. */
  runs(job: Job): void
  /** Ends the span; only the first call counts. */
  end(end: TraceEnd): void
}

/** Traces of the work of all plugins. */
export interface TracingService {
  /** Names of the headers in `WorkTrace.headers`, in lower case; those that came with the work are replaced. */
  readonly headerNames: readonly string[]
  begin(start: TraceStart): WorkTrace
  /** True when no span waits for its export. */
  readonly isFlushed: boolean
  /** Exports what waits, for a short time at most. Never rejects. */
  flush(): Promise<void>
}

/** Key of the traces. */
export const Tracing = serviceKey<TracingService>('tracing')
