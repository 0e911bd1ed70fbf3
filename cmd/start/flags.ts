/**
 * Options of Node's with which the script `bootstrap` starts the server: V8 keeps its heap small. Under load the first saves 10 MB of
 * 83, the second 10 more; a limit of the heap would save as much, and end the server on an event that needs more. A test holds the
 * script to them.
 */

/** Arguments of node; in NODE_OPTIONS workers would inherit them. */
export const bootstrapFlags = ['--max-semi-space-size=1', '--optimize-for-size'] as const
