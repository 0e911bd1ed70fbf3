/** Describes the end of a process as Lambda does. Pure. */

/** End of a process as Node reports it; `fault`: it could not be started. */
export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly fault?: string
}

/** Type and sentence of an error. */
export interface ExitError {
  readonly type: string
  readonly message: string
}

const signalTexts: Partial<Record<NodeJS.Signals, string>> = {
  SIGKILL: 'killed',
  SIGTERM: 'terminated',
  SIGSEGV: 'segmentation fault',
  SIGABRT: 'aborted',
  SIGINT: 'interrupt',
  SIGHUP: 'hangup',
  SIGBUS: 'bus error',
}
// Exit codes of a shell for a command that it cannot run.
const cannotRun = [126, 127]

/** Makes the error that the invoker gets when the runtime ended. */
export function exitError({ code, signal, fault }: Exit): ExitError {
  if (fault !== undefined || (code !== null && cannotRun.includes(code)))
    return {
      type: 'Runtime.InvalidEntrypoint',
      message: fault ?? `the bootstrap could not be run (exit status ${code})`,
    }
  const type = 'Runtime.ExitError'
  if (signal !== null)
    return { type, message: `Runtime exited with error: signal: ${signalTexts[signal] ?? signal}` }
  if (code === 0) return { type, message: 'Runtime exited without providing a reason' }
  return { type, message: `Runtime exited with error: exit status ${code}` }
}
