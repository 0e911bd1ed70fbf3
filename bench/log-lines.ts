/** `log-lines.js server|pino LINES`: writes lines of a worker to standard output and sends how it went to its parent, `log.ts`. */
import { pino } from 'pino'
import { systemClock } from '../src/core/clock.js'
import { LogHost } from '../src/logging/sink.js'

/** Result of one run. */
export interface WrittenLines {
  readonly ms: number
  /** The longest that the event loop was held up, in ms. */
  readonly heldMs: number
}

const batch = 500
const text = 'GET /orders/1234567 answered 200 in 12 ms, 3 queries, 1 cache miss'

async function writeLines(writer: string, lines: number): Promise<WrittenLines> {
  const write = writer === 'pino' ? ownWriter() : serverWriter()
  let heldMs = 0
  const since = performance.now()
  for (let at = 0; at < lines; at += batch) {
    const startedAt = performance.now()
    for (let line = 0; line < batch; line += 1) write.line()
    heldMs = Math.max(heldMs, performance.now() - startedAt)
    await write.batch()
  }
  return { ms: performance.now() - since, heldMs }
}

function serverWriter() {
  const host = new LogHost({ env: {}, isTerminal: false, clock: systemClock })
  host.configure({ level: 'info', encoding: 'json', lineBytesMax: 2 ** 20, output: { path: 'stdout' } })
  return {
    line: () => host.workerLine({ pool: 'http', pid: 1, stream: 'stderr', text }),
    batch: () => host.flush(),
  }
}

function ownWriter() {
  const log = pino(
    { base: { logger: 'worker', pool: 'http', pid: 1 } },
    pino.destination({ fd: 1, sync: true }),
  )
  return { line: () => log.info(text), batch: () => new Promise<void>((resolve) => setImmediate(resolve)) }
}

const [writer = 'server', lines = '0'] = process.argv.slice(2)
const written = await writeLines(writer, Number(lines))
process.send?.(written, () => process.exit(0))
