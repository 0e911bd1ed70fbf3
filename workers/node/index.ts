/**
 * The worker SDK for Node: `import { serve } from 'relayrunner/worker'`. Speaks Goridge to the server over the relay that
 * RR_RELAY names; one job at a time, in order. No packages, so that a worker boots fast.
 */
import { guardChildren } from './children.js'
import { connectRelay } from './connect.js'
import type { Hooks } from './hooks.js'
import { type Handler, Serving } from './serving.js'

export type { JobContext } from './context.js'
export type { Hooks } from './hooks.js'
export { type Reply, reply } from './reply.js'
export { type Handler, log } from './serving.js'
export { fail, retry, stop, type Verdict } from './verdict.js'

// Before the worker's own modules run: they may keep a function of `node:child_process` for later.
if (process.env.RR_RELAY === 'pipes') guardChildren()

/**
 * Serves jobs until the server stops the worker or disconnects; then the process exits with 0. `hooks` are called between
 * jobs. Rejects when the relay cannot be reached.
 */
export async function serve(handler: Handler, hooks: Hooks = {}): Promise<void> {
  const address = process.env.RR_RELAY ?? 'pipes'
  if (address === 'pipes') guardChildren()
  void new Serving(await connectRelay(address), handler, hooks)
}
