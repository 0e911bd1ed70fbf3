/** The keys of a queue in Redis. The braces keep them on one node of a cluster. */

/** Keys by what they hold. */
export interface StreamKeys {
  /** A stream: jobs that are ready or delivered. */
  readonly stream: string
  /** A sorted set by the time at which a job is due. */
  readonly delayed: string
  /** A stream: what failed for good. */
  readonly failed: string
}

/** Turns an error of the client into a fault. */
export type RedisFaultOf = (error: unknown) => Error

/** Returns the keys of a queue; `stream` is a key of its own, or empty. */
export function streamKeys(queue: string, stream: string): StreamKeys {
  // Beside a stream of another program, they have its slot, which is that of the text within its first braces.
  const [, tag = stream] = /\{([^}]+)\}/.exec(stream) ?? []
  const prefix = stream === '' ? `rr:{${queue}}` : `rr:{${tag}}:${queue}`
  return {
    stream: stream === '' ? `${prefix}:jobs` : stream,
    delayed: `${prefix}:delayed`,
    failed: `${prefix}:failed`,
  }
}
