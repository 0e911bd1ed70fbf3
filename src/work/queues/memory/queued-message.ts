/** A message in a queue in memory as people look at it. No behaviour lives here. */

/** A message as people look at it. */
export interface QueuedMessage {
  readonly id: string
  readonly body: string | Uint8Array
  readonly group: string | undefined
  readonly receiveCount: number
  readonly ageMs: number
  /** Ms until it may be delivered; 0: it waits for a consumer, or for its group. */
  readonly visibleInMs: number
}
