/** `rr logs`: the last lines of the running server's log, and with `-f` those that follow, filtered in the server. */
import { once } from 'node:events'
import { isObject } from '../../src/core/json.js'
import { consoleText } from '../../src/logging/console-text.js'
import type { LogRecord } from '../../src/logging/encode.js'
import { LogLevel } from '../../src/logging/logger.js'
import { type LogQuery, RecentLog } from '../../src/supervisor/rpc/own.js'
import { type CommonOptions, ExitCode, wrongUsage } from '../options.js'
import { type ControlClient, withServer } from '../remote/running-server.js'

/** Options of `rr logs`, beside the common ones. */
export interface LogsOptions extends CommonOptions {
  readonly follow?: boolean
  /** `-n COUNT`: how many of the last lines. */
  readonly lines?: string
  readonly worker?: string
  readonly job?: string
  readonly pool?: string
  readonly level?: string
  readonly grep?: string
}

type Filter = Omit<LogQuery, 'from' | 'wait_ms'>

const waitMs = 2000
const countPattern = /^\d+$/
/** Prints lines; with `--follow` until Ctrl-C or the server's end. */
export async function logs(options: LogsOptions): Promise<number> {
  const { worker, level, lines = '100' } = options
  // `-f` is taken for that of `rr -f stop`, which may stand behind a command, too.
  const follow = options.follow === true || options.force === true
  if (!countPattern.test(lines)) return wrongUsage(`-n takes a number of lines, not "${lines}"`)
  if (worker !== undefined && !countPattern.test(worker))
    return wrongUsage(`--worker takes a pid, not "${worker}"`, 'rr workers lists them')
  const levels = Object.values(LogLevel)
  if (level !== undefined && !levels.some((one) => one === level))
    return wrongUsage(`--level takes ${levels.join(', ')}, not "${level}"`)
  const filter = filterOf(options)
  await withServer(options, async (client) => {
    const stop = new AbortController()
    if (follow) process.once('SIGINT', () => stop.abort())
    let hasEnded = false
    void client.closed.then(() => {
      hasEnded = true
      stop.abort()
    })
    let { next, texts } = await lastLines(client, filter, Number(lines))
    await print(texts, options)
    while (follow && !stop.signal.aborted) {
      ;({ next, texts } = await nextLines(client, { ...filter, from: next }, stop.signal))
      await print(texts, options)
    }
    if (hasEnded) process.stderr.write('rr: the server has ended\n')
  })
  return ExitCode.ok
}

function filterOf({ worker, job, pool, level, grep }: LogsOptions): Filter {
  return {
    ...(worker === undefined ? {} : { pid: Number(worker) }),
    ...(job === undefined ? {} : { job }),
    ...(pool === undefined ? {} : { pool }),
    ...(level === undefined ? {} : { level }),
    ...(grep === undefined ? {} : { grep }),
  }
}

interface Page {
  readonly next: number
  readonly texts: readonly string[]
}

/** Reads all that the server keeps; returns the last `count` lines that match. */
async function lastLines(client: ControlClient, filter: Filter, count: number): Promise<Page> {
  let [next, texts]: [number, readonly string[]] = [0, []]
  for (;;) {
    const found = await client.call(RecentLog, { ...filter, from: next })
    texts = count === 0 ? [] : [...texts, ...found.lines].slice(-count)
    next = found.next
    if (found.isAll) return { next, texts }
  }
}

/** Waits for lines; none when `signal` is aborted. Says on standard error when some were overwritten before they were read. */
async function nextLines(client: ControlClient, query: LogQuery, signal: AbortSignal): Promise<Page> {
  try {
    const found = await Promise.race([
      client.call(RecentLog, { ...query, wait_ms: waitMs }),
      aborted(signal).then(() => undefined),
    ])
    if (found === undefined) return { next: query.from, texts: [] }
    if (found.missed > 0) process.stderr.write(`rr: ${found.missed} lines came too fast and are not shown\n`)
    return { next: found.next, texts: found.lines }
  } catch (error) {
    if (!signal.aborted) throw error
    return { next: query.from, texts: [] }
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

async function print(texts: readonly string[], { json = false }: LogsOptions): Promise<void> {
  if (texts.length === 0) return
  const hasColor = process.stdout.isTTY === true && process.env.NO_COLOR === undefined
  const lines = json ? texts : texts.map((text) => consoleText(recordOf(text), { hasColor, isBrief: false }))
  // A reader that is slow is waited for: what the server overwrites meanwhile is counted.
  if (!process.stdout.write(`${lines.join('\n')}\n`)) await once(process.stdout, 'drain')
}

/** Reads a line of the server's again as a record. */
function recordOf(text: string): LogRecord {
  const parsed: unknown = JSON.parse(text)
  const { level, time, logger, message, ...fields } = isObject(parsed) ? parsed : {}
  return {
    level: Object.values(LogLevel).find((one) => one === level) ?? LogLevel.info,
    timeMs: Date.parse(String(time)) || 0,
    logger: String(logger),
    message: typeof message === 'string' ? message : JSON.stringify(message),
    fields,
  }
}
