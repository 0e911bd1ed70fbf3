/** Ends the processes of a worker that has run out of time: asks for their stacks, sends SIGTERM, and SIGKILL after a grace. */
import type { Clock, Timer } from '../../core/clock.js'
import type { WorkerProcess } from './os/process.js'

/**
 * What workers announce that can print their stack: on SIGUSR2 and go on, or on SIGINT and die of it (Node in a loop, where
 * no handler runs). Others get neither signal: they would die of both.
 */
export const stackFeatures = { anytime: 'stack', atEnd: 'stack_by_sigint' } as const

/** Signal that makes a worker print its stack. */
export type StackSignal = 'SIGUSR2' | 'SIGINT'

/** Returns the signal on which a worker with these features prints its stack; `isMute`: its handlers do not run, so it ends with it. */
export function stackSignalOf(features: readonly string[], isMute: boolean): StackSignal | undefined {
  if (isMute && features.includes(stackFeatures.atEnd)) return 'SIGINT'
  return features.includes(stackFeatures.anytime) ? 'SIGUSR2' : undefined
}

/** Termination of one worker: SIGTERM, a grace, SIGKILL. */
export interface Termination {
  /** Between SIGTERM and SIGKILL. */
  readonly graceMs: number
  readonly stackSignal: StackSignal | undefined
  /** Set for a worker that ends by itself, so gets no SIGTERM; called when it does not end in time and is killed. */
  readonly onOverdue?: () => void
}

// The stack is printed by the process itself, which SIGTERM ends: it needs a moment in between.
const stackMs = 50

/** Asks one process, not its group, to print where it is; returns whether there is a way to ask. */
export function askForStack(pid: number, signal: StackSignal | undefined): boolean {
  if (signal === undefined) return false
  try {
    process.kill(pid, signal)
  } catch {
    // ESRCH: it has ended, which is reported elsewhere.
  }
  return true
}

/** Sends SIGTERM to the group, and SIGKILL when the grace is over. Clearing the timer cancels signals not yet sent. */
export function endWithin(worker: WorkerProcess, clock: Clock, termination: Termination): Timer {
  const { graceMs, stackSignal, onOverdue } = termination
  if (onOverdue !== undefined) {
    return clock.timer(graceMs, () => {
      onOverdue()
      worker.kill()
    })
  }
  const gapMs = askForStack(worker.pid, stackSignal) ? Math.min(stackMs, graceMs) : 0
  let timer: Timer
  const terminate = () => {
    worker.terminate()
    timer = clock.timer(graceMs - gapMs, () => worker.kill())
  }
  if (gapMs > 0) timer = clock.timer(gapMs, terminate)
  else terminate()
  return { clear: () => timer.clear() }
}
