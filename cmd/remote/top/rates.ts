/** Turns counters of two samples into rates: CPU shares of workers, jobs a second of pools. Pure, but for the last sample that it keeps. */
import type { LiveDocument } from '../../../src/supervisor/live/document.js'

/** Rates between two samples; empty after the first. */
export interface Rates {
  /** Percent of one CPU, by `pid`; the server's own is under `server`. */
  readonly cpu: ReadonlyMap<number | 'server', number>
  /** Jobs that ended a second, by pool. */
  readonly jobs: ReadonlyMap<string, number>
}

/** Rates of one server. */
export class RateMeter {
  #last: LiveDocument | undefined
  #rates: Rates = { cpu: new Map(), jobs: new Map() }

  /** Takes a sample; returns the rates since the one before. */
  next(now: LiveDocument): Rates {
    const last = this.#last
    this.#last = now
    if (last === undefined) return this.#rates
    const ms = Date.parse(now.time) - Date.parse(last.time)
    // Two samples of the same moment say nothing.
    if (ms < 50) return this.#rates
    this.#rates = { cpu: cpuOf(last, now, ms), jobs: jobsOf(last, now, ms) }
    return this.#rates
  }
}

function cpuOf(last: LiveDocument, now: LiveDocument, ms: number): Rates['cpu'] {
  const before = new Map(last.workers.map(({ pid, created_at, cpu_ms }) => [`${pid} ${created_at}`, cpu_ms]))
  const cpu = new Map<number | 'server', number>([
    ['server', (Math.max(0, now.server.cpu_ms - last.server.cpu_ms) / ms) * 100],
  ])
  for (const { pid, created_at, cpu_ms } of now.workers) {
    const was = before.get(`${pid} ${created_at}`)
    if (cpu_ms !== null && was != null) cpu.set(pid, (Math.max(0, cpu_ms - was) / ms) * 100)
  }
  return cpu
}

function jobsOf(last: LiveDocument, now: LiveDocument, ms: number): Rates['jobs'] {
  const before = new Map(last.pools.map(({ pool, jobs }) => [pool, jobs]))
  return new Map(
    now.pools.map(({ pool, jobs }) => [pool, (Math.max(0, jobs - (before.get(pool) ?? jobs)) / ms) * 1000]),
  )
}
