/**
 * `npm run bench [pool|start|lambda|ledger|storms]…`: prints what a job costs through real workers, how soon the first event is asked
 * for, and what a whole invocation costs. Figures for reading: quote ratios of one run, the machine may be busy.
 */
import { benchLambda } from './lambda.js'
import { benchLedger } from './ledger.js'
import { benchPool } from './pool.js'
import { benchStart } from './start.js'
import { benchStorms } from './storms.js'

const parts = {
  pool: benchPool,
  start: benchStart,
  lambda: benchLambda,
  ledger: benchLedger,
  storms: benchStorms,
}
const asked = process.argv.slice(2)
for (const [name, run] of Object.entries(parts)) {
  // The storms take minutes: only when they are asked for.
  if (asked.includes(name) || (asked.length === 0 && name !== 'storms')) await run()
}
