/**
 * Deals the partitions of a group's topics to its members. A member keeps what it has, up to its share; what is to move is first given to
 * nobody, until its owner has ended what runs and says that it has let go: then the next round deals it. Pure.
 */

/** A member of the group. */
export interface GroupMember {
  readonly id: string
  readonly topics: readonly string[]
  /** Partitions that it has not let go, by topic. */
  readonly owned: ReadonlyMap<string, readonly number[]>
}

/** Partitions of a member, by topic. */
export type OwnedPartitions = ReadonlyMap<string, readonly number[]>

/** Returns the partitions of each member, by its id. */
export function assignPartitions(
  members: readonly GroupMember[],
  partitionCounts: ReadonlyMap<string, number>,
): ReadonlyMap<string, OwnedPartitions> {
  const assigned = new Map(members.map(({ id }) => [id, new Map<string, readonly number[]>()]))
  const totals = new Map(members.map(({ id }) => [id, 0]))
  for (const [topic, count] of partitionCounts) {
    const takers = members.filter(({ topics }) => topics.includes(topic))
    for (const [id, partitions] of assignTopic(topic, count, takers, totals)) {
      if (partitions.length > 0) assigned.get(id)?.set(topic, partitions)
      totals.set(id, (totals.get(id) ?? 0) + partitions.length)
    }
  }
  return assigned
}

function assignTopic(
  topic: string,
  count: number,
  members: readonly GroupMember[],
  totals: ReadonlyMap<string, number>,
): ReadonlyMap<string, readonly number[]> {
  const owners = ownersOf(topic, count, members)
  const owned = new Map(
    members.map(({ id }) => [id, [...owners].flatMap(([n, by]) => (by === id ? [n] : []))]),
  )
  // Those who have most come first: they keep what does not divide evenly.
  const inOrder = members
    .map(({ id }) => id)
    .toSorted(
      (a, b) =>
        lengthOf(owned, b) - lengthOf(owned, a) ||
        numberOf(totals, a) - numberOf(totals, b) ||
        (a < b ? -1 : 1),
    )
  const share = Math.floor(count / Math.max(1, members.length))
  const rest = count - share * members.length
  const shares = new Map(inOrder.map((id, at) => [id, share + (at < rest ? 1 : 0)]))
  const assigned = new Map(inOrder.map((id) => [id, (owned.get(id) ?? []).slice(0, numberOf(shares, id))]))
  const free = Array.from({ length: count }, (_, n) => n).filter((n) => !owners.has(n))
  for (const n of free) {
    const taker = inOrder
      .filter((id) => lengthOf(assigned, id) < numberOf(shares, id))
      .toSorted((a, b) => lengthOf(assigned, a) - lengthOf(assigned, b))[0]
    if (taker !== undefined) assigned.get(taker)?.push(n)
  }
  return assigned
}

/** Owners by partition. Of two that claim one, the first by its id has it. */
function ownersOf(
  topic: string,
  count: number,
  members: readonly GroupMember[],
): ReadonlyMap<number, string> {
  const owners = new Map<number, string>()
  for (const { id, owned } of members.toSorted((a, b) => (a.id < b.id ? -1 : 1)))
    for (const n of owned.get(topic) ?? []) if (n < count && !owners.has(n)) owners.set(n, id)
  return new Map([...owners].toSorted(([a], [b]) => a - b))
}

function lengthOf(lists: ReadonlyMap<string, readonly number[]>, id: string): number {
  return lists.get(id)?.length ?? 0
}

function numberOf(numbers: ReadonlyMap<string, number>, id: string): number {
  return numbers.get(id) ?? 0
}
