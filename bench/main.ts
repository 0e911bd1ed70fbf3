/**
 * `npm run bench [pool|start|lambda]…`: prints what a job costs through real workers, how soon the first event is asked
 * for, and what a whole invocation costs. Figures for reading: quote ratios of one run, the machine may be busy.
 * `npm run bench orphans [ROUNDS]` takes minutes and runs only when it is named.
 */
import { benchLambda } from './lambda.js'
import { benchOrphans } from './orphans.js'
import { benchPool } from './pool.js'
import { benchStart } from './start.js'

const parts = { pool: benchPool, start: benchStart, lambda: benchLambda }
const asked = process.argv.slice(2)
for (const [name, run] of Object.entries(parts)) {
  if (asked.length === 0 || asked.includes(name)) await run()
}
const rounds = asked.map(Number).find((word) => word > 0)
if (asked.includes('orphans')) await benchOrphans(rounds)
