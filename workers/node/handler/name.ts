/** Finds the handler that a loader runs: the named one, unless a module of NODE_OPTIONS has redirected it. */
import { readFileSync } from 'node:fs'

/**
 * `named` is the command line's. Sentry's `--require` redirects a handler by writing `_HANDLER` before AWS's client reads it, so a
 * value that was the named handler at the start of the process and is another one now wins.
 */
export function handlerName(named: string | undefined, env: NodeJS.ProcessEnv): string {
  const { _HANDLER: current } = env
  if (named === undefined) return current ?? ''
  if (current === undefined || current === named) return named
  return startValue('_HANDLER') === named ? current : named
}

/** A variable as the process was started with it; undefined where the system does not tell. */
function startValue(name: string): string | undefined {
  let block: string
  try {
    block = readFileSync('/proc/self/environ', 'utf8')
  } catch {
    // Only Linux has the file. Lambda is Linux; elsewhere `wrapHandler` does the same.
    return undefined
  }
  const entry = block.split('\0').find((pair) => pair.startsWith(`${name}=`))
  return entry?.slice(name.length + 1)
}
