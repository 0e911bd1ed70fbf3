/** Asks a worker that announced it to print its stack. What it prints is read in `stack-lines.ts`. */
import type { WorkerId } from './worker-id.js'

/**
 * Features of workers that can print their stack: on SIGUSR2 and go on, or on SIGINT and die of it (Node in a loop, where
 * no handler runs). Others get neither signal: they would die of both. In some languages a signal ends a wait early, as PHP's `sleep()`: a job
 * that may still succeed is then not asked.
 */
export const stackFeatures = {
  anytime: 'stack',
  atEnd: 'stack_by_sigint',
  interrupts: 'stack_interrupts',
} as const

/** Signal that makes a worker print its stack. */
export type StackSignal = 'SIGUSR2' | 'SIGINT'

/** Returns the signal on which a worker with these features prints its stack; `isMute`: its handlers do not run, so it ends with it. */
export function stackSignalOf(features: readonly string[], isMute: boolean): StackSignal | undefined {
  if (isMute && features.includes(stackFeatures.atEnd)) return 'SIGINT'
  return features.includes(stackFeatures.anytime) ? 'SIGUSR2' : undefined
}

/** Returns the signal on which a worker with these features prints its stack and loses nothing by it. */
export function harmlessStackSignalOf(features: readonly string[]): StackSignal | undefined {
  return features.includes(stackFeatures.interrupts) ? undefined : stackSignalOf(features, false)
}

/** Asks one process, not its group, to print its stack; returns whether there is a way to ask. */
export function requestStack({ pid }: WorkerId, signal: StackSignal | undefined): boolean {
  if (signal === undefined) return false
  try {
    process.kill(pid, signal)
  } catch {
    // ESRCH: it has ended, which is reported elsewhere.
  }
  return true
}
