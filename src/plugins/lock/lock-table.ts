/** The port of locks: held in memory, or in Redis. Types alone. */

/** Wish for a lock. */
export interface LockWish {
  readonly resource: string
  /** Identifies the holder; it is needed for the release. */
  readonly id: string
  readonly kind: 'write' | 'read'
  /** Ms until it is released by itself; 0: never. */
  readonly ttlMs: number
  /** The longest wait; 0: none. */
  readonly waitMs: number
  /** Aborts the wait, and gives back a lock that nobody hears of. */
  readonly signal: AbortSignal
}

type Answer = boolean | Promise<boolean>

/** All locks by the names of their resources. */
export interface LockTable {
  /** Resolves with true once it is held, with false after `waitMs`. Rejects when too many are held or wait. */
  acquire(wish: LockWish): Promise<boolean>
  /** Releases what `id` holds; false when it holds nothing. */
  release(resource: string, id: string): Answer
  /** Releases all holders; false when there are none. */
  forceRelease(resource: string): Answer
  /** True when `id` holds the resource; `*` is any holder. */
  exists(resource: string, id: string): Answer
  /** Lets the time of a held lock begin anew; false when it is not held. */
  updateTtl(resource: string, id: string, ttlMs: number): Answer
  /** Ends all waits, and what is held until the server ends. */
  close(): unknown
}
