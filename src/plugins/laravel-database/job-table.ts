/**
 * The `jobs` table of an application, by the statements that Laravel's own DatabaseQueue runs. A taken job is known by its id and its count
 * of attempts: who takes it later raises the count, so that nothing which comes too late touches it.
 */
import { attemptsMaxOf } from './attempts-max.js'
import type { Ask, Row, SqlDatabase } from './database.js'

/** A job as it was taken. */
export interface TakenRow {
  readonly id: string
  readonly payload: string
  /** Runs, this one included. */
  readonly attempts: number
  /** Unix time in seconds at which it was dispatched. */
  readonly createdAt: number
}

/** The mark of a taken job. */
export type RowMark = Pick<TakenRow, 'id' | 'attempts'>

/** A job to add. */
export interface NewRow {
  readonly payload: string
  readonly attempts: number
  readonly availableAt: number
  readonly createdAt: number
}

/** Times of a look, in Unix seconds. */
export interface LookTimes {
  readonly now: number
  /** Jobs that were reserved then, or before, are taken again. */
  readonly expired: number
}

/** A job that failed for good. */
export interface KeptRow {
  readonly id: string
  readonly payload: string
}

const columns = ['queue', 'attempts', 'reserved_at', 'available_at', 'created_at', 'payload'] as const
/** Rows of one INSERT. */
const insertMax = 100
const keptAtOnce = 100

/** One table. */
export class JobTable {
  readonly #database: SqlDatabase
  readonly #name: string
  readonly #attemptsMax: number

  private constructor(database: SqlDatabase, name: string, attemptsMax: number) {
    this.#database = database
    this.#name = name
    this.#attemptsMax = attemptsMax
  }

  /** Opens a table. Rejects with a fault of the queue where it is not there, or not one of Laravel's. */
  static async open(database: SqlDatabase, table: string): Promise<JobTable> {
    const name = database.quote(table)
    await database.ask(`SELECT id, ${columns.join(', ')} FROM ${name} WHERE 1 = 0`)
    const [column = {}] = await database.ask(...database.typeOfAttempts(table))
    return new JobTable(database, name, attemptsMaxOf(String(column.type ?? column.Type ?? '')))
  }

  /** Takes up to `want` jobs that are due, the oldest first, and reserves them until `reservedAt` and the time of a reservation are over. */
  take(
    queue: string,
    want: number,
    { now, expired }: LookTimes,
    reservedAt: number,
  ): Promise<readonly TakenRow[]> {
    return this.#database.transaction(async (ask) => {
      const rows = await ask(
        `SELECT id, payload, attempts, created_at FROM ${this.#name} WHERE queue = ?
          AND ((reserved_at IS NULL AND available_at <= ?) OR reserved_at <= ?) ORDER BY id ASC LIMIT ${want} ${this.#database.popLock}`,
        [queue, now, expired],
      )
      if (rows.length === 0) return []
      const taken = rows.map((row) => takenRow(row, this.#attemptsMax))
      const list = idList(taken.map(({ id }) => id))
      await ask(
        `UPDATE ${this.#name} SET reserved_at = ?, attempts = CASE WHEN attempts < ${this.#attemptsMax} THEN attempts + 1 ELSE attempts END WHERE id IN (${list})`,
        [reservedAt],
      )
      return taken
    })
  }

  /** Removes taken jobs, and adds others in the same transaction: `again` makes them of those that were still taken, which are returned. */
  end(queue: string, marks: readonly RowMark[], again: (found: ReadonlySet<string>) => readonly NewRow[]) {
    return this.#locked(marks, async (found, ask) => {
      await ask(`DELETE FROM ${this.#name} WHERE id IN (${idList(found)})`)
      await this.#insert(ask, queue, again(new Set(found)))
    })
  }

  /** Reserves taken jobs anew. Resolves with the ids of those that were still taken. */
  extend(marks: readonly RowMark[], reservedAt: number): Promise<ReadonlySet<string>> {
    return this.#locked(marks, async (found, ask) => {
      await ask(`UPDATE ${this.#name} SET reserved_at = ? WHERE id IN (${idList(found)})`, [reservedAt])
    })
  }

  /** Gives back taken jobs that were not run, as they were. */
  async release(marks: readonly RowMark[]): Promise<void> {
    await this.#locked(marks, async (found, ask) => {
      await ask(
        `UPDATE ${this.#name} SET reserved_at = NULL, attempts = attempts - 1 WHERE id IN (${idList(found)}) AND attempts > 0`,
      )
    })
  }

  async push(queue: string, rows: readonly NewRow[]): Promise<void> {
    await this.#database.transaction((ask) => this.#insert(ask, queue, rows))
  }

  /** Numbers of a queue, as they are now. */
  async counts(queue: string, { now, expired }: LookTimes) {
    const isActive = `(reserved_at IS NULL AND available_at <= ${now}) OR reserved_at <= ${expired}`
    const sum = (condition: string) => `SUM(CASE WHEN ${condition} THEN 1 ELSE 0 END)`
    const [row = {}] = await this.#database.ask(
      `SELECT ${sum(isActive)} AS active, ${sum(`reserved_at IS NULL AND available_at > ${now}`)} AS delayed_,
        ${sum(`reserved_at > ${expired}`)} AS reserved_, MIN(CASE WHEN ${isActive} THEN available_at END) AS oldest
        FROM ${this.#name} WHERE queue = ?`,
      [queue],
    )
    const { active, delayed_: delayed, reserved_: reserved, oldest } = row
    return {
      counts: { active: Number(active ?? 0), delayed: Number(delayed ?? 0), reserved: Number(reserved ?? 0) },
      oldest: oldest === null || oldest === undefined ? undefined : Number(oldest),
    }
  }

  /** Moves a taken job to another queue, with another payload. False where it was not taken any more. */
  async move(mark: RowMark, queue: string, payload: string): Promise<boolean> {
    const found = await this.#locked([mark], async (_, ask) => {
      await ask(
        `UPDATE ${this.#name} SET queue = ?, payload = ?, reserved_at = NULL WHERE id IN (${idList([mark.id])})`,
        [queue, payload],
      )
    })
    return found.size === 1
  }

  /** Lists jobs of a queue that nobody takes from, the oldest first. */
  async list(queue: string, max: number): Promise<readonly KeptRow[]> {
    const text = `SELECT id, payload FROM ${this.#name} WHERE queue = ? ORDER BY id ASC LIMIT ${max}`
    return (await this.#database.ask(text, [queue])).map(keptRowOf)
  }

  async size(queue: string): Promise<number> {
    const [row] = await this.#database.ask(`SELECT COUNT(*) AS jobs FROM ${this.#name} WHERE queue = ?`, [
      queue,
    ])
    return Number(row?.jobs ?? 0)
  }

  /** Replaces jobs of `from` by what `made` returns for them, as new ones of `to`. Resolves with their number. */
  async replace(from: string, to: string, made: (row: KeptRow) => NewRow | undefined): Promise<number> {
    let count = 0
    for (let last = '0', isMore = true; isMore; )
      count += await this.#database.transaction(async (ask) => {
        const rows = await ask(
          `SELECT id, payload FROM ${this.#name} WHERE queue = ? AND id > ${idList([last])} ORDER BY id ASC LIMIT ${keptAtOnce} FOR UPDATE`,
          [from],
        )
        const kept = rows.map(keptRowOf)
        isMore = kept.length === keptAtOnce
        last = kept.at(-1)?.id ?? last
        const pairs = kept.flatMap((row) => {
          const one = made(row)
          return one === undefined ? [] : [{ id: row.id, one }]
        })
        if (pairs.length === 0) return 0
        await ask(`DELETE FROM ${this.#name} WHERE id IN (${idList(pairs.map(({ id }) => id))})`)
        await this.#insert(
          ask,
          to,
          pairs.map(({ one }) => one),
        )
        return pairs.length
      })
    return count
  }

  close(): Promise<void> {
    return this.#database.close()
  }

  /** Locks the rows of jobs that are still taken, and does `work` on them. Resolves with their ids. */
  #locked(
    marks: readonly RowMark[],
    work: (found: readonly string[], ask: Ask) => Promise<void>,
  ): Promise<ReadonlySet<string>> {
    return this.#database.transaction(async (ask) => {
      const rows = await ask(
        `SELECT id, attempts FROM ${this.#name} WHERE id IN (${idList(marks.map(({ id }) => id))}) AND reserved_at IS NOT NULL FOR UPDATE`,
      )
      const attempts = new Map(rows.map((row) => [String(row.id), Number(row.attempts)]))
      const found = marks.filter((mark) => attempts.get(mark.id) === mark.attempts).map(({ id }) => id)
      if (found.length > 0) await work(found, ask)
      return new Set(found)
    })
  }

  async #insert(ask: Ask, queue: string, rows: readonly NewRow[]): Promise<void> {
    for (let at = 0; at < rows.length; at += insertMax) {
      const part = rows.slice(at, at + insertMax)
      const marks = part.map(() => '(?, ?, NULL, ?, ?, ?)').join(', ')
      await ask(
        `INSERT INTO ${this.#name} (${columns.join(', ')}) VALUES ${marks}`,
        part.flatMap(({ attempts, availableAt, createdAt, payload }) => [
          queue,
          attempts,
          availableAt,
          createdAt,
          payload,
        ]),
      )
    }
  }
}

function takenRow({ id, payload, attempts, created_at }: Row, attemptsMax: number): TakenRow {
  return {
    id: String(id),
    payload: String(payload),
    attempts: Math.min(Number(attempts) + 1, attemptsMax),
    createdAt: Number(created_at),
  }
}

function keptRowOf({ id, payload }: Row): KeptRow {
  return { id: String(id), payload: String(payload) }
}

/** Ids as a statement has them; they came from the database as numbers. */
function idList(ids: readonly string[]): string {
  return ids.map((id) => (/^\d{1,20}$/.test(id) ? id : '0')).join(', ')
}
