/**
 * Options of Node's with which the script `bootstrap` starts the server: V8 keeps its heap small. A test holds the script to them.
 */

/** Arguments of node; in NODE_OPTIONS workers would inherit them. */
export const bootstrapFlags = ['--max-semi-space-size=1'] as const
