/** Listening to an `AbortSignal`, with the way to stop listening at hand: a listener left on a long-lived signal is a leak. */

/** Undoes what was set up; a second call does nothing. */
export type Undo = () => void

const nothing: Undo = () => undefined

/**
 * Calls `run` once when `signal` aborts, or right away when it has aborted already. Returns how to stop listening. Without a signal
 * nothing ever happens.
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
