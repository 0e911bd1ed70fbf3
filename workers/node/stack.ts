/**
 * Reports to the server where a handler is. SIGUSR2: what the event loop waits for. In a loop no handler runs, so a stack
 * comes from V8 only, on SIGINT, and the process ends with it: Node with `--trace-sigint`, or of a version that can switch
 * that on.
 */

import * as util from 'node:util'
import { isMainThread } from 'node:worker_threads'

/** Begins to listen; returns what is to be announced. `isBusy`: a job runs. */
export function listenForStack(isBusy: () => boolean): string[] {
  // A thread gets no signals.
  if (!isMainThread) return []
  process.on('SIGUSR2', () => {
    if (isBusy()) process.stderr.write(waiting())
  })
  return tracesSigint() ? ['stack', 'stack_by_sigint'] : ['stack']
}

/** Formats the stack as Python's faulthandler does. */
function waiting(): string {
  const counts = new Map<string, number>()
  for (const name of process.getActiveResourcesInfo()) counts.set(name, (counts.get(name) ?? 0) + 1)
  const open = [...counts].map(([name, count]) => `${count} ${name}`).join(', ')
  const text = 'the event loop is idle'
  return `Stack (most recent call first):\n  ${text} (open: ${open})\n`
}

function tracesSigint(): boolean {
  if (process.execArgv.includes('--trace-sigint')) return true
  if (/(^|\s)--trace-sigint(\s|$)/.test(process.env.NODE_OPTIONS ?? '')) return true
  const setTraceSigInt: unknown = Reflect.get(util, 'setTraceSigInt')
  if (typeof setTraceSigInt !== 'function') return false
  setTraceSigInt(true)
  return true
}
