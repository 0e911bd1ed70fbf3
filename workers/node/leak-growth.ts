/**
 * Growth by the jobs of one name. A cache that is filled once does not count: growth is told when each of five jobs in a row added to it, and
 * again when their number has doubled. The first three jobs of a worker do not count.
 */

const warmUp = 3
const row = 5
const kilobyte = 1024
const megabyte = kilobyte * kilobyte
// Less a job is noise: V8 compiles functions and keeps what it learns about them, most of it in the first jobs.
const memoryMin = 16 * kilobyte
const memoryMinEarly = 64 * kilobyte
const earlyJobs = 20

interface Sum {
  readonly count: number
  readonly sum: number
}

/** Rows of jobs that each added to something. */
export class LeakGrowth {
  #rows: ReadonlyMap<string, Sum> = new Map()
  readonly #told = new Map<string, Sum>()
  #due: string[] = []

  /** Adds what one job did. `job` is its number in the worker, from 1. */
  add(before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>, job: number): void {
    if (job <= warmUp) return
    const rows = new Map<string, Sum>()
    const least = job <= earlyJobs ? memoryMinEarly : memoryMin
    for (const [what, level] of after) {
      // What is seen for the first time has grown from nothing.
      const by = level - (before.get(what) ?? 0)
      if (by < (what === 'memory' ? least : 1)) continue
      const sum = added(this.#rows.get(what), by)
      rows.set(what, sum)
      const told = this.#told.get(what)
      if (told !== undefined) this.#told.set(what, added(told, by))
      this.#tell(what, sum)
    }
    this.#rows = rows
  }

  /** Returns, once, what is to be told by now. */
  due(): readonly string[] {
    const due = this.#due
    this.#due = []
    return due
  }

  /** Returns what was told, with the sums. */
  totals(): readonly string[] {
    return [...this.#told].map(([what, { count, sum }]) => `${textOf(what, sum)} over ${count} jobs`)
  }

  #tell(what: string, { count, sum }: Sum): void {
    const rows = count / row
    if (!Number.isInteger(Math.log2(rows))) return
    if (!this.#told.has(what)) this.#told.set(what, { count, sum })
    this.#due.push(`${textOf(what, sum)} over ${count} jobs in a row`)
  }
}

function added({ count, sum }: Sum = { count: 0, sum: 0 }, by: number): Sum {
  return { count: count + 1, sum: sum + by }
}

function textOf(what: string, sum: number): string {
  if (what !== 'memory') return `${what} by ${sum}`
  const isSmall = sum < 10 * megabyte
  return `memory by ${isSmall ? `${Math.floor(sum / kilobyte)} KB` : `${Math.floor(sum / megabyte)} MB`}`
}
