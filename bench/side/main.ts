/** The parts of the bench that compare servers: what they print, and the options that they share. */
import { mkdtemp, rm } from 'node:fs/promises'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import { nativeIn } from './api.js'
import { endAll, type Side } from './cases.js'
import { batchEvent, plainEvent } from './events.js'
import { benchJobs } from './jobs.js'
import { benchLatency } from './latency.js'
import { benchMemory } from './memory.js'
import { ratesOf } from './rates.js'
import { benchStart } from './start.js'

// As long as a small framework takes.
const slowBootMs = 150
// Above it two runs of the same build differ by more than a tenth.
const foreignMax = 0.33

/** Options that the rows share. */
export type SideOptions = Pick<Side, 'peers' | 'lambda' | 'jobs' | 'seconds'>

/** Runs `part` with a folder and the program in C, both of which go afterwards. */
async function withSide(options: SideOptions, part: (side: Side) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'rr-bench-'))
  const undo = () => rm(folder, { recursive: true, force: true, maxRetries: 10 })
  const stop = (signal: NodeJS.Signals) =>
    void endAll()
      .then(undo)
      .finally(() => process.exit(128 + constants.signals[signal]))
  const signals = ['SIGTERM', 'SIGINT'] as const
  for (const signal of signals) process.once(signal, stop)
  try {
    await part({ ...options, folder, native: nativeIn(folder) })
  } finally {
    for (const signal of signals) process.off(signal, stop)
    await undo()
  }
}

/** The comparing parts by name. */
export function sideParts(
  options: SideOptions,
  jobCount: number,
): Readonly<Record<string, () => Promise<void>>> {
  const rows = (
    title: string,
    fileOf: (folder: string) => string,
    workerCounts: readonly number[],
    isBatch: boolean,
  ) =>
    withSide(options, async (side) => {
      for (const workers of workerCounts) {
        console.log(`${title}, ${workers} worker${workers === 1 ? '' : 's'}`)
        const rates = await ratesOf(side, fileOf(side.folder), { workers, hasFloor: !isBatch })
        const [unit] = rates
        for (const one of rates) {
          const [rateRatio, cpuRatio] = [one.rate / (unit?.rate ?? 1), one.cpuUs / (unit?.cpuUs ?? 1)]
          console.log(
            `  ${one.name.padEnd(24)} ${one.rate.toFixed(0).padStart(6)}/s ×${rateRatio.toFixed(2)}   ${one.cpuUs.toFixed(0).padStart(5)} µs CPU ×${cpuRatio.toFixed(2)}   RSS ${one.rssMb.toFixed(0)} MB   foreign ${one.foreign.toFixed(2)}   windows ${one.windows}   errors ${one.errors}`,
          )
        }
        if (rates.some(({ foreign }) => foreign > foreignMax))
          console.log('  others took more than a third of a processor: repeat before you quote this')
      }
    })
  return {
    events: () => rows('events of 1 KB', (folder) => plainEvent(folder, 1024), [1], false),
    batches: () => rows('batches of 10 × 200 B', (folder) => batchEvent(folder, 10, 200), [1, 4], true),
    large: () => rows('events of 64 KB', (folder) => plainEvent(folder, 65_536), [1], false),
    start: () => withSide(options, benchStart),
    'slow-start': () => withSide(options, (side) => benchStart(side, slowBootMs)),
    memory: () => withSide(options, benchMemory),
    latency: () => withSide(options, benchLatency),
    jobs: () => withSide(options, (side) => benchJobs(side, jobCount)),
  }
}
