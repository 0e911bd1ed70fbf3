/** The nearest valid name for a typo. Pure. */

/** The name of `names` that is at most a third of its letters away from `word`, else the only one that begins with it; undefined when none is. */
export function nearestName(word: string, names: Iterable<string>): string | undefined {
  let best: string | undefined
  let least = Number.POSITIVE_INFINITY
  for (const name of names) {
    const distance = editDistance(word.toLowerCase(), name.toLowerCase())
    if (distance < least && distance <= Math.max(1, Math.floor(Math.max(name.length, word.length) / 3))) {
      best = name
      least = distance
    }
  }
  return best ?? completed(word.toLowerCase(), [...names])
}

const beginningMin = 3

/** The name of which `word` is the beginning, where there is one only. */
function completed(word: string, names: readonly string[]): string | undefined {
  const [only, ...others] = names.filter((name) => name.toLowerCase().startsWith(word))
  return word.length >= beginningMin && others.length === 0 ? only : undefined
}

/** Letters to insert, drop, change or swap (Damerau–Levenshtein with adjacent swaps). */
function editDistance(from: string, to: string): number {
  let before: number[] = []
  let last = Array.from({ length: to.length + 1 }, (_, at) => at)
  for (let row = 1; row <= from.length; row += 1) {
    const next = [row]
    for (let column = 1; column <= to.length; column += 1) {
      const isSame = from[row - 1] === to[column - 1]
      let cost = Math.min(
        (last[column] ?? 0) + 1,
        (next[column - 1] ?? 0) + 1,
        (last[column - 1] ?? 0) + (isSame ? 0 : 1),
      )
      const isSwap = from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1]
      if (row > 1 && column > 1 && isSwap) cost = Math.min(cost, (before[column - 2] ?? 0) + 1)
      next.push(cost)
    }
    before = last
    last = next
  }
  return last[to.length] ?? 0
}
