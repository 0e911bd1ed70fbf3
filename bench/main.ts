/**
 * `npm run bench [pool|start|lambda|ledger|schedules|storms|pool-schedules]…`: prints what a job costs through real workers, how soon
 * the first event is asked for, and what a whole invocation costs. Figures for reading: quote ratios of one run, the machine may be busy.
 */
import { benchLambda } from './lambda.js'
import { benchLedger } from './ledger.js'
import { benchPool } from './pool.js'
import { benchSchedules } from './schedules.js'
import { benchStart } from './start.js'
import { benchPoolSchedules, benchStorms } from './storms.js'

const parts = {
  pool: benchPool,
  start: benchStart,
  lambda: benchLambda,
  ledger: benchLedger,
  schedules: benchSchedules,
  storms: benchStorms,
  'pool-schedules': benchPoolSchedules,
}
// They take minutes and measure nothing: only when they are asked for.
const isLong: ReadonlySet<string> = new Set(['schedules', 'storms', 'pool-schedules'])
const asked = process.argv.slice(2)
for (const [name, run] of Object.entries(parts)) {
  if (asked.includes(name) || (asked.length === 0 && !isLong.has(name))) await run()
}
