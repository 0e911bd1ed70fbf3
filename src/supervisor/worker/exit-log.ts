/** Waits until the output of a worker that ended has been read, and logs how it ended. */
import type { Clock } from '../../core/clock.js'
import type { Logger } from '../../logging/logger.js'
import type { StreamReader } from './job/stream.js'
import type { ProcessExit } from './os/process.js'
import type { KillReason, RetireReason } from './state.js'
import type { WorkerId } from './worker-id.js'

// What a process wrote before it ended is still in the relay and the log pipe; both are given this long to be read.
const drainMsMax = 250
// Ends that an operator should see; the others were requested, or are reported by the caller.
const isNews: ReadonlySet<string> = new Set<KillReason>([
  'exec_ttl',
  'deadline',
  'stop_timeout',
  'stream_timeout',
  'bad_frame',
])

/**
 * Resolves when all `ends` have, or at the latest when children of the process could no longer hold them open, and what came has been
 * settled. While a slow reader of its stream holds up the reading, no time counts.
 */
export async function drained(
  clock: Clock,
  ends: readonly (Promise<void> | undefined)[],
  stream: () => StreamReader | undefined,
): Promise<void> {
  await drainedIn(clock, ends, stream)
  await stream()?.taken
  // An answer that came with the last bytes is settled in a `setImmediate` of its own, before this one.
  await new Promise<void>((resolve) => setImmediate(resolve))
}

async function drainedIn(
  clock: Clock,
  ends: readonly (Promise<void> | undefined)[],
  stream: () => StreamReader | undefined,
): Promise<void> {
  const all = Promise.all(ends).then(() => true)
  for (;;) {
    const late = new Promise<false>((resolve) =>
      clock.timer(drainMsMax, () => resolve(false), { unref: true }),
    )
    const hasEnded = await Promise.race([all, late])
    const holding = stream()?.held
    await holding
    if (hasEnded || holding === undefined) return
  }
}

/** End of a worker, for its log line. */
export interface WorkerExit {
  readonly pool: string
  readonly id: WorkerId
  readonly why: RetireReason | KillReason | undefined
  readonly exit: ProcessExit
  readonly jobs: number
  readonly lastLines: readonly string[]
}

/** Logs the end of a worker: as a warning when it was not requested. */
export function logExit(log: Logger, { pool, id, why, exit, jobs, lastLines }: WorkerExit): void {
  const fields = { pool, ...id, why, code: exit.code, signal: exit.signal, jobs }
  if (why === 'ended') log.warn({ ...fields, lastLines }, 'worker ended by itself')
  else if (why === 'relay_lost')
    log.warn({ ...fields, lastLines }, 'worker closed its relay and did not end, it was killed')
  else if (why !== undefined && isNews.has(why)) log.warn(fields, 'worker was killed')
  else log.debug(fields, 'worker left')
}
