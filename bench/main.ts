/**
 * `npm run bench -- [PART…] [--seconds N] [--peer NAME=COMMAND]… [--lambda "KEY: VALUE"] [--jobs "KEY: VALUE"]`. The first parts compare
 * servers (events, batches, large, start, slow-start, memory, latency, jobs [COUNT]): ours, the floor in C where gcc is there, and any peer; the others
 * look at pieces of ours (scale, pool, threads, several, ledger, journal, log), compare Laravel's queue:work with ours (laravel), or take minutes
 * and count instead of measuring (schedules,
 * storms, pool-schedules, orphans [ROUNDS],
 * soak [JOBS] [SEED]). How to read them is in docs/performance.md.
 */
import { parseArgs } from 'node:util'
import { benchJournal } from './journal.js'
import { benchLaravel } from './laravel/main.js'
import { benchLedger } from './ledger.js'
import { benchLog } from './log.js'
import { benchOrphans } from './orphans.js'
import { benchPool } from './pool.js'
import { benchScale } from './scale.js'
import { benchSchedules } from './schedules.js'
import { benchSeveral } from './several.js'
import { sideParts } from './side/main.js'
import { benchSoak } from './soak.js'
import { benchPoolSchedules, benchStorms } from './storms.js'
import { benchThreads } from './threads.js'

const { values, positionals: asked } = parseArgs({
  allowPositionals: true,
  options: {
    // Runs the rest of the line as a server, with $WORKERS and $WORKER (the command of a worker) in its environment.
    peer: { type: 'string', multiple: true, default: [] },
    lambda: { type: 'string', default: '' },
    jobs: { type: 'string', default: '' },
    seconds: { type: 'string', default: '20' },
  },
})
const numbers = asked.map(Number).filter((word) => word > 0)
const parts: Readonly<Record<string, () => void | Promise<void>>> = {
  ...sideParts(
    { peers: values.peer, lambda: values.lambda, jobs: values.jobs, seconds: Number(values.seconds) },
    numbers[0] ?? 100_000,
  ),
  scale: benchScale,
  pool: benchPool,
  threads: benchThreads,
  several: benchSeveral,
  ledger: benchLedger,
  laravel: benchLaravel,
  journal: benchJournal,
  log: benchLog,
  schedules: benchSchedules,
  storms: benchStorms,
  'pool-schedules': benchPoolSchedules,
  orphans: () => benchOrphans(numbers[0]),
  soak: () => benchSoak(numbers[0], numbers[1]),
}
const unknown = asked.filter((word) => !(word in parts) && !(Number(word) > 0))
if (unknown.length > 0) {
  console.error(`bench: there is no part ${unknown.join(', ')}; parts: ${Object.keys(parts).join(', ')}`)
  process.exit(2)
}
// They take minutes, measure nothing or need Laravel: only when they are asked for.
const isLong: ReadonlySet<string> = new Set([
  'laravel',
  'schedules',
  'storms',
  'pool-schedules',
  'orphans',
  'soak',
])
for (const [name, run] of Object.entries(parts)) {
  if (asked.includes(name) || (asked.length === 0 && !isLong.has(name))) await run()
}
