/** Asks a worker for its stack and reads it from what the worker writes; the lines are logged as any others. */
import { type Clock, sleep } from '../../core/clock.js'
import type { WorkerOutput } from './output.js'
import { StackLines } from './stack-lines.js'
import { requestStack, stackSignalOf } from './stack-request.js'
import type { WorkerId } from './worker-id.js'

/** Parts of a worker that is asked. */
export interface StackAsked {
  readonly id: WorkerId
  readonly features: readonly string[]
  readonly output: Pick<WorkerOutput, 'watch'>
  readonly clock: Clock
}

// A worker that can print its stack does so within a few ms; a busy machine, or a C call of PHP, makes it later.
const answerMsMax = 1000
const quietMs = 50

/** Resolves with the lines, none when it did not answer within a second; with undefined when it has not announced that it can. */
export async function printStack({
  id,
  features,
  output,
  clock,
}: StackAsked): Promise<readonly string[] | undefined> {
  // A signal to a thread would reach the server.
  const signal = id.thread === undefined ? stackSignalOf(features, false) : undefined
  if (signal === undefined) return undefined
  const stack = new StackLines()
  const begun = new AbortController()
  const unwatch = output.watch((line) => {
    if (stack.add(line)) begun.abort()
  })
  try {
    requestStack(id, signal)
    await sleep(clock, answerMsMax, begun.signal)
    // A stack comes in one write: this long after its first line it is whole.
    if (begun.signal.aborted) await sleep(clock, quietMs)
    return stack.lines
  } finally {
    unwatch()
  }
}
