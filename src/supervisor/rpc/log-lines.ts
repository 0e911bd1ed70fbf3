/** Answers `rr logs`: checks what a client asks of the last lines of the log. */
import { isObject } from '../../core/json.js'
import { LogLevel } from '../../logging/logger.js'
import type { FoundLines, RecentLines } from '../../logging/recent-lines.js'

/** Longest wait for a new line: a client that has gone is forgotten after it. */
const waitMsMax = 2000

/** Finds lines; waits for one where none is there yet. Rejects when the query is not one of ours. */
export async function logLines(recent: RecentLines, query: unknown): Promise<FoundLines> {
  const { from, wait_ms: waitMs = 0, pool, pid, job, level, grep } = isObject(query) ? query : {}
  const filter = {
    pool: textOf(pool, 'pool'),
    pid: pid === undefined ? undefined : countOf(pid, 'pid'),
    job: textOf(job, 'job'),
    level: levelOf(level),
    grep: textOf(grep, 'grep'),
  }
  const number = countOf(from, 'from')
  const limitMs = Math.min(countOf(waitMs, 'wait_ms'), waitMsMax)
  if (limitMs > 0) await recent.whenMore(number, limitMs)
  return recent.find(number, filter)
}

function countOf(value: unknown, name: string): number {
  if (Number.isSafeInteger(value) && Number(value) >= 0) return Number(value)
  throw new Error(`rr.Logs: ${name} must be a whole number from 0`)
}

function textOf(value: unknown, name: string): string | undefined {
  if (value === undefined || typeof value === 'string') return value
  throw new Error(`rr.Logs: ${name} must be a text`)
}

function levelOf(value: unknown): LogLevel | undefined {
  if (value === undefined) return undefined
  const level = Object.values(LogLevel).find((one) => one === value)
  if (level !== undefined) return level
  throw new Error(`rr.Logs: level must be one of ${Object.values(LogLevel).join(', ')}`)
}
