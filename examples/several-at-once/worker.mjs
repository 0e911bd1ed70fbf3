/** Runs many jobs in one process: each waits for something else, as for a database or a service, and is cancelled at its limit. */
import { setTimeout } from 'node:timers/promises'
import { log, serve } from 'relayrunner/worker'

await serve(
  async (body, context) => {
    const { waitMs = 100 } = JSON.parse(body.toString())
    await setTimeout(waitMs, undefined, { signal: context.signal })
    log('info', 'waited', { waitMs })
  },
  { concurrency: 100 },
)
