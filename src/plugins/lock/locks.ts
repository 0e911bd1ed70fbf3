/**
 * Locks by the name of a resource: one writer, or any number of readers. Callers wait in one line for each resource and are served in the
 * order in which they came, so that readers cannot starve a writer.
 *
 * Invariant: a resource has a holder or none at all (it is then forgotten, its line is empty); a writer is its only holder.
 */
import { type Clock, onAbort, type Timer, type Undo } from '../../index.js'
import type { LockTable, LockWish } from './lock-table.js'

interface Holder {
  readonly kind: 'write' | 'read'
  timer: Timer | undefined
}

interface Waiter {
  readonly wish: LockWish
  readonly end: (isHeld: boolean) => void
}

interface Resource {
  readonly holders: Map<string, Holder>
  readonly line: Set<Waiter>
}

// Timers take 31 bits of ms: a longer lock is held for ever.
const timerMsMax = 2 ** 31 - 1
const resourcesMax = 1_000_000
const waitersMax = 10_000

/** The locks of one server. */
export class Locks implements LockTable {
  readonly #clock: Clock
  readonly #resources = new Map<string, Resource>()
  #waiters = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Resolves with true once it is held, with false after `waitMs`. Rejects when too many are held or wait. */
  async acquire(wish: LockWish): Promise<boolean> {
    if (wish.signal.aborted) return false
    const resource = this.#resourceOf(wish.resource)
    if (resource.line.size === 0 && this.#hold(wish, resource)) return true
    // A reader that becomes the writer need not wait behind those who wait for its end.
    if (isPromotion(wish, resource) && this.#hold(wish, resource)) return true
    if (wish.waitMs === 0) return false
    if (this.#waiters >= waitersMax) throw new Error(`${waitersMax} callers wait for locks already`)
    return this.#wait(wish, resource)
  }

  /** Releases what `id` holds; false when it holds nothing. */
  release(name: string, id: string): boolean {
    const resource = this.#resources.get(name)
    if (resource === undefined || !this.#drop(resource, id)) return false
    this.#serve(name, resource)
    return true
  }

  /** Releases all holders; false when there are none. */
  forceRelease(name: string): boolean {
    const resource = this.#resources.get(name)
    if (resource === undefined) return false
    for (const id of [...resource.holders.keys()]) this.#drop(resource, id)
    this.#serve(name, resource)
    return true
  }

  /** True when `id` holds the resource; `*` is any holder. */
  exists(name: string, id: string): boolean {
    const holders = this.#resources.get(name)?.holders
    return holders !== undefined && (id === '*' ? holders.size > 0 : holders.has(id))
  }

  /** Lets the time of a held lock begin anew; false when it is not held. */
  updateTtl(name: string, id: string, ttlMs: number): boolean {
    const holder = this.#resources.get(name)?.holders.get(id)
    if (holder === undefined) return false
    this.#limit(holder, ttlMs, () => this.release(name, id))
    return true
  }

  /** Forgets all locks; those who wait are told that they have none. */
  close(): void {
    for (const { holders, line } of this.#resources.values()) {
      for (const { timer } of holders.values()) timer?.clear()
      for (const waiter of [...line]) waiter.end(false)
    }
    this.#resources.clear()
  }

  #resourceOf(name: string): Resource {
    const known = this.#resources.get(name)
    if (known !== undefined) return known
    if (this.#resources.size >= resourcesMax) throw new Error(`${resourcesMax} locks are held already`)
    const made = { holders: new Map(), line: new Set<Waiter>() }
    this.#resources.set(name, made)
    return made
  }

  /** Takes the lock if its holders allow it. */
  #hold({ resource: name, id, kind, ttlMs }: LockWish, { holders }: Resource): boolean {
    const held = holders.get(id)
    const isFree =
      kind === 'read'
        ? [...holders.values()].every((holder) => holder.kind === 'read')
        : holders.size === 0 || (holders.size === 1 && held?.kind === 'read')
    if (!isFree) return false
    held?.timer?.clear()
    const holder: Holder = { kind, timer: undefined }
    holders.set(id, holder)
    this.#limit(holder, ttlMs, () => this.release(name, id))
    return true
  }

  #limit(holder: Holder, ttlMs: number, end: () => void): void {
    holder.timer?.clear()
    holder.timer =
      ttlMs === 0 || ttlMs > timerMsMax ? undefined : this.#clock.timer(ttlMs, end, { unref: true })
  }

  #drop({ holders }: Resource, id: string): boolean {
    holders.get(id)?.timer?.clear()
    return holders.delete(id)
  }

  /** Gives the lock to those at the head of the line who may have it, and forgets a resource that nobody holds. */
  #serve(name: string, resource: Resource): void {
    for (const waiter of [...resource.line]) {
      if (!this.#hold(waiter.wish, resource)) break
      waiter.end(true)
    }
    if (resource.holders.size === 0 && resource.line.size === 0) this.#resources.delete(name)
  }

  #wait(wish: LockWish, resource: Resource): Promise<boolean> {
    return new Promise((resolve) => {
      const undos: Undo[] = []
      const waiter: Waiter = {
        wish,
        end: (isHeld) => {
          if (!resource.line.delete(waiter)) return
          this.#waiters -= 1
          for (const undo of undos) undo()
          resolve(isHeld)
          // The next in line may be able to go on without this one.
          if (!isHeld) this.#serve(wish.resource, resource)
        },
      }
      resource.line.add(waiter)
      this.#waiters += 1
      const timer = this.#clock.timer(Math.min(wish.waitMs, timerMsMax), () => waiter.end(false))
      undos.push(
        () => timer.clear(),
        onAbort(wish.signal, () => waiter.end(false)),
      )
    })
  }
}

function isPromotion({ id, kind }: LockWish, { holders }: Resource): boolean {
  return kind === 'write' && holders.size === 1 && holders.get(id)?.kind === 'read'
}
