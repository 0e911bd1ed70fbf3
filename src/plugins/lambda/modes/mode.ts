/**
 * The port between an event and a worker's protocol: makes jobs of events and verdicts of replies. `raw` and `event` are
 * ours, `jobs` and `http` are RoadRunner's. No I/O; `event/` runs the jobs.
 */
import type { Codec, Reply } from '../../../index.js'
import type { Protocol } from '../../../work/protocol.js'
import type { Verdict } from '../../../work/verdict.js'
import type { StreamForm } from '../answer/streamed-answer.js'
import type { ContextMaker } from '../plan/context.js'
import type { Invocation } from '../runtime-api/invocation.js'

/** Tags of all jobs and log lines of an event, so that lines of several events at once can be told apart. */
export type EventTags = {
  readonly requestId: string
  /** Present only where tenants are isolated. */
  readonly tenantId?: string
}

/** The bytes of one job. */
export interface Work {
  readonly context: Uint8Array | string
  readonly body: Uint8Array | string
  readonly codec: Codec
}

/** Work for a whole event, and the reader of its reply. */
export interface EventWork extends Work {
  /** Reads the verdict of a reply; its `done` carries the function's result. */
  readonly read: (reply: Reply) => Verdict
  /** Reply that replaces the worker's when the job failed; absent: the failure itself is the answer. */
  readonly failureReply?: Reply
  /** Form of a streamed answer, where `lambda.streaming` is on. */
  readonly stream?: StreamForm
  /**
   * Makes the sink of a streamed answer that is not passed on as a stream. Called at its first frame, which most events
   * never have; absent: a streamed answer is a fault.
   */
  readonly collect?: () => ChunkSink
  /** Removes the files that were written for the job. Never rejects. */
  readonly clean?: () => Promise<void>
}

/** Puts the frames of a stream together. */
export interface ChunkSink {
  /** Fault for which the answer cannot be completed; undefined without one. */
  readonly fault: Error | undefined
  take(chunk: Reply): void
  whole(last: Reply): Reply
}

/** An event from which no job for such a worker can be made. */
export interface Unfit {
  readonly unfit: Verdict
  /** The verdict as a worker's reply and its form as a stream, where `lambda.streaming` is on. */
  readonly streamed?: { readonly reply: Reply; readonly form: StreamForm }
}

/** Form in which workers get events. */
export interface Mode {
  /**
   * Makes the job of an event that is not split; `over` returns a signal that aborts at the deadline, or when the event must be
   * answered at once.
   */
  eventWork(event: EventFacts, over?: () => AbortSignal): EventWork | Unfit | Promise<EventWork | Unfit>
  /** Makes the protocol for the records of an event that is split. */
  protocol(event: EventFacts): Protocol
}

/** An event with what is known of it. */
export interface EventFacts {
  readonly invocation: Invocation
  readonly tags: EventTags
  readonly source: string | null
  readonly contexts: ContextMaker
}
