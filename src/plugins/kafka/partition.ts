/**
 * One partition that is ours: records that were read and wait, records in hand, and the place up to which all is settled. A record is handed
 * out only behind all before it; one that comes again holds back those behind it until they are back, too. Knows no broker.
 */
import type { FetchedRecord } from './fetched-record.js'

/** A record of a partition, from when it is read until it is settled. */
export interface HeldRecord {
  readonly partition: Partition
  readonly record: FetchedRecord
  /** Tries that have failed. */
  failedTries: number
  /** Wall-clock ms before which it is not handed out. */
  dueAtMs: number
  /** In hand from before an earlier record came back: it has to come back itself before anything behind it is handed out. */
  isStale: boolean
}

/** A partition. Invariant: `waiting` is in the order of offsets; each offset below `nextOffset` is settled, waiting, or in hand. */
export class Partition {
  readonly topic: string
  readonly index: number
  /** Place up to which all was settled, as the group's coordinator knows it. */
  committed: number
  #nextOffset: number
  #waiting: HeldRecord[] = []
  readonly #inHand = new Set<HeldRecord>()
  #state: 'ours' | 'leaving' | 'lost' = 'ours'

  constructor(place: { readonly topic: string; readonly index: number; readonly offset: number }) {
    this.topic = place.topic
    this.index = place.index
    this.committed = place.offset
    this.#nextOffset = place.offset
  }

  /** True until another server has it. */
  get isOurs(): boolean {
    return this.#state !== 'lost'
  }

  /** True while records may begin to run. */
  get isRun(): boolean {
    return this.#state === 'ours'
  }

  /** Offset of the next record to read. */
  get nextOffset(): number {
    return this.#nextOffset
  }

  /** True when more may be read. */
  get hasRoom(): boolean {
    return this.isRun && this.#waiting.length === 0
  }

  get inHandCount(): number {
    return this.#inHand.size
  }

  /** Offset of the first record that is not settled. */
  get lowest(): number {
    let lowest = this.#waiting[0]?.record.offset ?? this.#nextOffset
    for (const { record } of this.#inHand) lowest = Math.min(lowest, record.offset)
    return lowest
  }

  /** Records that wait for their time. */
  delayedCount(nowMs: number): number {
    return this.#waiting.filter(({ dueAtMs }) => dueAtMs > nowMs).length
  }

  /** Wall-clock ms at which the next record may be handed out; undefined: when it comes, or another one comes back. */
  get nextDueMs(): number | undefined {
    const [first] = this.#waiting
    return first === undefined || this.#isHeldBack(first) ? undefined : first.dueAtMs
  }

  /** Adds records that were read from `fromOffset` on; they are ignored where that is no longer the place to read. */
  add(records: readonly FetchedRecord[], fromOffset: number, nextOffset: number): void {
    if (!this.isRun || fromOffset !== this.#nextOffset) return
    this.#nextOffset = Math.max(this.#nextOffset, nextOffset)
    for (const record of records)
      this.#waiting.push({ partition: this, record, failedTries: 0, dueAtMs: 0, isStale: false })
  }

  /** Goes on at another place, where the records of this one are gone. */
  skipTo(offset: number): void {
    this.#nextOffset = offset
  }

  /** Takes the next record, if it may be handed out. */
  take(nowMs: number): HeldRecord | undefined {
    const [first] = this.#waiting
    if (!this.isRun || first === undefined || first.dueAtMs > nowMs || this.#isHeldBack(first))
      return undefined
    this.#waiting.shift()
    first.isStale = false
    this.#inHand.add(first)
    return first
  }

  /** A record is settled. */
  settle(held: HeldRecord): void {
    this.#inHand.delete(held)
  }

  /** A record comes again, not before `dueAtMs`: those behind it that are in hand have to come back first. */
  putBack(held: HeldRecord, dueAtMs: number): void {
    if (!this.#inHand.delete(held) || !this.isOurs) return
    held.dueAtMs = dueAtMs
    const { offset } = held.record
    for (const other of this.#inHand) if (other.record.offset > offset) other.isStale = true
    const at = this.#waiting.findIndex(({ record }) => record.offset > offset)
    this.#waiting.splice(at < 0 ? this.#waiting.length : at, 0, held)
  }

  /** Begins to run nothing more: another server is to have it, once what runs has ended. */
  leave(): void {
    if (this.#state === 'ours') this.#state = 'leaving'
  }

  /** Keeps the partition after all. */
  stay(): void {
    if (this.#state === 'leaving') this.#state = 'ours'
  }

  /** Another server may have it: what is in hand is not settled any more. */
  lose(): void {
    this.#state = 'lost'
    this.#waiting = []
    this.#inHand.clear()
  }

  #isHeldBack({ record }: HeldRecord): boolean {
    for (const other of this.#inHand) if (other.isStale && other.record.offset < record.offset) return true
    return false
  }
}
