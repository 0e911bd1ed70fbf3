/**
 * `npm run bench [pool|threads|start|lambda|ledger|line|log|schedules|storms|pool-schedules|orphans|soak]…`: prints what a job costs through real
 * workers, how soon the first event is asked for, and what a whole invocation, a place in the waiting line and a log line cost. Figures for reading: quote ratios of one run, the machine may be
 * busy. `npm run bench orphans [ROUNDS]`, `npm run bench soak [JOBS] [SEED]`.
 */
import { benchLambda } from './lambda.js'
import { benchLedger } from './ledger.js'
import { benchLine } from './line.js'
import { benchLog } from './log.js'
import { benchOrphans } from './orphans.js'
import { benchPool } from './pool.js'
import { benchSchedules } from './schedules.js'
import { benchSoak } from './soak.js'
import { benchStart } from './start.js'
import { benchPoolSchedules, benchStorms } from './storms.js'
import { benchThreads } from './threads.js'

const asked = process.argv.slice(2)
const numbers = asked.map(Number).filter((word) => word > 0)
const parts = {
  pool: benchPool,
  threads: benchThreads,
  start: benchStart,
  lambda: benchLambda,
  ledger: benchLedger,
  line: benchLine,
  log: benchLog,
  schedules: benchSchedules,
  storms: benchStorms,
  'pool-schedules': benchPoolSchedules,
  orphans: () => benchOrphans(numbers[0]),
  soak: () => benchSoak(numbers[0], numbers[1]),
}
// They take minutes and measure nothing: only when they are asked for.
const isLong: ReadonlySet<string> = new Set(['schedules', 'storms', 'pool-schedules', 'orphans', 'soak'])
for (const [name, run] of Object.entries(parts)) {
  if (asked.includes(name) || (asked.length === 0 && !isLong.has(name))) await run()
}
