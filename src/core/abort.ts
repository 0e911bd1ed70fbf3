/** Listens to an `AbortSignal` and returns a function that stops: a listener left on a long-lived signal is a leak. */

/** Undoes what was set up; a second call does nothing. */
export type Undo = () => void

const nothing: Undo = () => undefined

/**
 * Calls `run` once when `signal` aborts, or right away when it has aborted already. Returns how to stop listening. Does
 * nothing without a signal.
 */
export function onAbort(signal: AbortSignal | undefined, run: () => void): Undo {
  if (signal === undefined) return nothing
  if (signal.aborted) {
    run()
    return nothing
  }
  const listener = () => run()
  signal.addEventListener('abort', listener, { once: true })
  return () => signal.removeEventListener('abort', listener)
}
