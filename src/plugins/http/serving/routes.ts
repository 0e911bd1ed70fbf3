/** Chooses the pool of a request: the first of `http.pools` one of whose patterns matches its path, else `http.pool`. Pure. */

/** A pool and its patterns: a path, or with a `*` at the end all paths that begin so. */
export interface Route<T> {
  readonly match: readonly string[]
  readonly to: T
}

/** Makes the choice. */
export function routeChooser<T>(routes: readonly Route<T>[], other: T): (target: string) => T {
  if (routes.length === 0) return () => other
  return (target) => {
    const path = target.replace(/[?#].*$/s, '')
    return routes.find(({ match }) => match.some((pattern) => matches(pattern, path)))?.to ?? other
  }
}

function matches(pattern: string, path: string): boolean {
  return pattern.endsWith('*') ? path.startsWith(pattern.slice(0, -1)) : path === pattern
}
