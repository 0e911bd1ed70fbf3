/** Types of jobs and replies, which workers, pools and plugins share. */

/** Codec of a job's payload on the wire (Goridge frame flags). `control` is for control requests of the pool's own. */
export const Codec = { none: 0, raw: 0x04, json: 0x08, control: 0x09, msgpack: 0x10, proto: 0x80 } as const
export type Codec = (typeof Codec)[keyof typeof Codec]

/** Names that a job carries into the log and to listeners; values are texts. `requestId` also names its entry of the ledger. */
export type JobTags = Readonly<Record<string, string>>

/** Work for one worker: two byte strings, and names for the log and for listeners. */
export interface Job {
  readonly context: Uint8Array | string
  readonly body: Uint8Array | string
  readonly codec: Codec
  /** Names the job in the log lines that the worker writes meanwhile. */
  readonly id?: string
  /** Kind of the job, for metrics and traces: the same for all jobs of a kind. */
  readonly name?: string
  /** Headers of its message, for listeners such as traces; workers get only what the context holds. */
  readonly headers?: Readonly<Record<string, readonly string[]>>
  readonly tags?: JobTags
}

/** Answer of a worker. Views into a buffer of its own: safe to keep. */
export interface Reply {
  readonly context: Uint8Array
  readonly body: Uint8Array
  /** The frame's flags as they came; any codec or none. */
  readonly flags: number
}

/** Limits of one run. */
export interface RunOptions {
  /** Wall-clock milliseconds since the epoch at which the worker is killed; `exec_ttl` may come sooner. */
  readonly deadlineMs?: number
  /** The longest run in ms; the pool's `exec_ttl` may be shorter. */
  readonly execTtlMs?: number
  /**
   * Aborting cancels the job: a waiting one leaves the line; for a running one its worker is killed, or, where it runs several, asked to
   * cancel it.
   */
  readonly signal?: AbortSignal
  /**
   * Takes the frames of a streamed answer but for its last, which is the reply. While a promise that it returned is pending
   * nothing more is read from the worker. Without it a streamed answer is a fault.
   */
  readonly onChunk?: (chunk: Reply) => void | Promise<void>
  /** Name of a feature that the worker must have announced, for `runAlone`; one that has not is not sent the job (RR_JOB_INVALID). */
  readonly feature?: string
  /** True for a job beside which its worker must run no other; without effect in a worker that runs one at a time. */
  readonly isAlone?: boolean
  /** Aborting asks a worker that streams to end early; one that does not within `stream_timeout` is killed. */
  readonly stopStream?: AbortSignal
}
