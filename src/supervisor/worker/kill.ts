/** How the processes of a worker that has run out of time are ended: asked where they are, asked to go, forced after a grace. */
import type { Clock, Timer } from '../../core/clock.js'
import type { WorkerProcess } from './process.js'

/**
 * What workers announce that can print their stack: on SIGUSR2 and go on, or on SIGINT and die of it (Node in a loop, where
 * no handler runs). Others get neither signal: they would die of both.
 */
export const stackFeatures = { anytime: 'stack', atEnd: 'stack_by_sigint' } as const

/** What makes a worker print its stack. */
export type StackSignal = 'SIGUSR2' | 'SIGINT'

/** What a worker of these features prints its stack on; `isMute`: its handlers do not run, so that it must die of it. */
export function stackSignalOf(features: readonly string[], isMute: boolean): StackSignal | undefined {
  if (isMute && features.includes(stackFeatures.atEnd)) return 'SIGINT'
  return features.includes(stackFeatures.anytime) ? 'SIGUSR2' : undefined
}

/** The end of one worker. */
export interface Farewell {
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
    // ESRCH: it has gone, and its end tells the rest.
  }
  return true
}

/** SIGTERM to the group, SIGKILL when the grace is over. Clearing the timer calls off what has not been sent. */
export function endWithin(worker: WorkerProcess, clock: Clock, farewell: Farewell): Timer {
  const { graceMs, stackSignal, onOverdue } = farewell
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
