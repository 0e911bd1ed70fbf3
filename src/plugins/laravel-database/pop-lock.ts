/** The lock by which jobs are taken, chosen as Laravel chooses it: rows that another worker has locked are left out where the database can. Pure. */

/** Returns the ending of the SELECT for what the database says of its version. */
export function popLockOf(kind: 'mysql' | 'postgres', version: string): string {
  const isMariaDb = version.includes('MariaDB')
  const isVitess = /vitess|PlanetScale/i.test(version)
  // Clients are told 5.5.5-10.11.6-MariaDB by old servers, for the sake of older ones.
  const own = isMariaDb ? version.replace(/^5\.5\.5-/, '') : version
  const engine = kind === 'postgres' ? 'postgres' : isMariaDb ? 'mariadb' : isVitess ? 'vitess' : 'mysql'
  return isAtLeast(own, skipsFrom[engine]) ? 'FOR UPDATE SKIP LOCKED' : 'FOR UPDATE'
}

const skipsFrom = { mysql: [8, 0, 1], mariadb: [10, 6, 0], vitess: [19, 0, 0], postgres: [9, 5, 0] } as const

function isAtLeast(version: string, least: readonly number[]): boolean {
  const own = version.split(/[^\d]+/, 3).map(Number)
  for (const [at, needed] of least.entries()) {
    const part = own[at] ?? 0
    if (part !== needed) return part > needed
  }
  return true
}
