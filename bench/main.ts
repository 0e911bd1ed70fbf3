/**
 * `npm run bench [pool|start|lambda|schedules]…`: prints what a job costs through real workers, how soon the first event is asked
 * for, and what a whole invocation costs. Figures for reading: quote ratios of one run, the machine may be busy.
 */
import { benchLambda } from './lambda.js'
import { benchPool } from './pool.js'
import { benchSchedules } from './schedules.js'
import { benchStart } from './start.js'

const parts = { pool: benchPool, start: benchStart, lambda: benchLambda }
const asked = process.argv.slice(2)
for (const [name, run] of Object.entries(parts)) {
  if (asked.length === 0 || asked.includes(name)) await run()
}
// It takes minutes and measures nothing: only when asked for by name.
if (asked.includes('schedules')) await benchSchedules()
