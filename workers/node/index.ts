/**
 * The worker SDK for Node: `import { serve } from 'relayrunner/worker'`. Speaks Goridge to the server over the relay that
 * RR_RELAY names; one job at a time, in order, or several at once. No packages, so that a worker boots fast.
 */
import { guardChildren } from './children.js'
import { connectRelay } from './connect.js'
import type { Hooks } from './hooks.js'
import { type Handler, Serving } from './serving.js'
import { watchLeaks } from './watch-leaks.js'

export type { JobContext } from './context.js'
export { context } from './current-job.js'
export type { Hooks } from './hooks.js'
export type { JobToPush, PushCallOptions, PushOptions } from './jobs-client.js'
export { push, pushAll } from './push.js'
export { type Reply, reply } from './reply.js'
export { type Handler, log } from './serving.js'
export { fail, retry, stop, type Verdict } from './verdict.js'
export { type FetchHandler, fetchHandler } from './web.js'

// Before the worker's own modules run: they may keep a function of `node:child_process` for later.
if (process.env.RR_RELAY === 'pipes') guardChildren()

/** Options of a worker. */
export interface ServeOptions extends Hooks {
  /** Number of jobs that run at once, 1 by default: an `async` handler that waits leaves room for others. */
  readonly concurrency?: number
}

/**
 * Serves jobs until the server stops the worker or disconnects; then the process exits with 0. The hooks are called between
 * jobs. Rejects when the relay cannot be reached, and with a `concurrency` that is not a whole number from 1.
 */
export async function serve(handler: Handler, settings: ServeOptions = {}): Promise<void> {
  const { concurrency = 1, ...hooks } = settings
  if (!Number.isSafeInteger(concurrency) || concurrency < 1)
    throw new RangeError(`concurrency is ${concurrency}; it must be a whole number from 1`)
  const address = process.env.RR_RELAY ?? 'pipes'
  if (address === 'pipes') guardChildren()
  const link = await connectRelay(address)
  // Only a worker that needs it loads what follows a job over its waits.
  const several = concurrency === 1 ? undefined : await import('./several-jobs.js')
  const jobs = several === undefined ? undefined : new several.SeveralJobs()
  const options = jobs === undefined ? { hooks } : { hooks, several: { jobs, concurrency } }
  void new Serving(link, handler, { ...options, leaks: await watchLeaks() })
}
