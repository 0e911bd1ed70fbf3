/**
 * `npm run bench [pool|threads|start|lambda]…`: prints what a job costs through real workers, how soon the first event is asked
 * for, and what a whole invocation costs. Figures for reading: quote ratios of one run, the machine may be busy.
 */
import { benchLambda } from './lambda.js'
import { benchPool } from './pool.js'
import { benchStart } from './start.js'
import { benchThreads } from './threads.js'

const parts = { pool: benchPool, threads: benchThreads, start: benchStart, lambda: benchLambda }
const asked = process.argv.slice(2)
for (const [name, run] of Object.entries(parts)) {
  if (asked.length === 0 || asked.includes(name)) await run()
}
