/**
 * Reports what jobs change in this process and leave behind (`rr dev --leaks`): settings at once, growth when it repeats. Between the two
 * calls of a job it only looks: nothing is put back.
 */
import type { JobContext } from './context.js'
import { LeakGrowth } from './leak-growth.js'
import { changesSince, type LeakState, leakLevels, leakState } from './leak-state.js'

type Log = (level: 'info' | 'warn', message: string) => void

const namesMax = 100

/** Watches the jobs of this worker, which run one at a time. */
export class Leaks {
  readonly #log: Log
  #state: LeakState = leakState()
  #name: string | undefined
  #id = ''
  #jobs = 0
  #levels: ReadonlyMap<string, number> = new Map()
  readonly #growth = new Map<string, LeakGrowth>()
  readonly #changes = new Map<string, Map<string, number>>()

  constructor(log: Log) {
    this.#log = log
    process.once('exit', () => this.#summary())
  }

  /** Call it before the handler of a job; `frameBytes` is the size of what the server sent. */
  begin(context: JobContext, frameBytes: number): void {
    const late = this.#measure(frameBytes)
    if (this.#name !== undefined && late.length > 0) {
      this.#count(late)
      const after = `leaks: after the answer of ${this.#name}${this.#id} something changed`
      this.#log('warn', `${after} ${late.join('; ')}`)
    }
    this.#jobs += 1
    this.#name = nameOf(context)
    const { id } = context.values
    const known = context.messageId ?? (typeof id === 'string' ? id : context.awsRequestId)
    this.#id = known === '' ? '' : ` (${known})`
  }

  /** Call it behind the handler, before the answer: the line is then one of the job's own. */
  end(): void {
    const now = leakState()
    const changes = changesSince(now, this.#state)
    this.#state = now
    this.#count(changes)
    const grown = this.#growth.get(this.#name ?? '')?.due() ?? []
    const parts = changes.length === 0 ? [] : [`changed ${changes.join('; ')}`]
    if (grown.length > 0) parts.push(`grew: ${grown.join('; ')}`)
    if (parts.length > 0) this.#log('warn', `leaks: ${this.#name}${this.#id} ${parts.join(', and ')}`)
  }

  /** Logs what all jobs of this worker changed. */
  #summary(): void {
    if (this.#jobs === 0) return
    this.#measure(0)
    const lines = new Map<string, string[]>()
    const add = (name: string, found: readonly string[]) => {
      if (found.length > 0) lines.set(name, [...(lines.get(name) ?? []), ...found])
    }
    for (const [name, counts] of this.#changes)
      add(
        name,
        [...counts].map(([change, count]) => `${change} (${jobsText(count)})`),
      )
    for (const [name, growth] of this.#growth) add(name, growth.totals())
    const jobs = jobsText(this.#jobs)
    if (lines.size === 0) this.#log('info', `leaks: ${jobs} left nothing behind`)
    for (const [name, found] of lines)
      this.#log('warn', `leaks: of ${jobs}, those named ${name} left behind: ${found.join('; ')}`)
  }

  /** Measures what may grow, on behalf of the job before; returns what changed since that job ended. */
  #measure(frameBytes: number): readonly string[] {
    const levels = leakLevels(frameBytes)
    const now = leakState()
    const late = this.#jobs === 0 ? [] : changesSince(now, this.#state)
    this.#state = now
    if (this.#name !== undefined) {
      if (!this.#growth.has(this.#name) && this.#growth.size < namesMax)
        this.#growth.set(this.#name, new LeakGrowth())
      this.#growth.get(this.#name)?.add(this.#levels, levels, this.#jobs)
    }
    this.#levels = levels
    return late
  }

  #count(changes: readonly string[]): void {
    const name = this.#name ?? ''
    if (changes.length === 0 || (!this.#changes.has(name) && this.#changes.size >= namesMax)) return
    const counts = this.#changes.get(name) ?? new Map<string, number>()
    this.#changes.set(name, counts)
    for (const change of changes) {
      const what = change.split(':', 1)[0] ?? change
      counts.set(what, (counts.get(what) ?? 0) + 1)
    }
  }
}

function nameOf({ queue, source, kind, values }: JobContext): string {
  return typeof values.job === 'string' && values.job !== '' ? values.job : (queue ?? source ?? kind)
}

function jobsText(count: number): string {
  return count === 1 ? '1 job' : `${count} jobs`
}
