/**
 * Decides which requests may go on: those that name us by a host of ours and do not come from another site. A page of another site reaches
 * loopback addresses, and with DNS rebinding it would even read the answers. Pure.
 */
import { isLoopback } from '../../index.js'

/** Headers of a request that are looked at. */
export interface PageRequestFacts {
  readonly host: string | undefined
  readonly origin: string | undefined
  readonly fetchSite: string | undefined
  /** Our address of the connection. */
  readonly localAddress: string | undefined
}

// `none` is an address that the user typed or a bookmark.
const ownSites: ReadonlySet<string> = new Set(['same-origin', 'none'])

/** Returns why a request is refused; undefined: it may go on. `isNavigation`: the page itself, which a link of another site may open. */
export function requestFault(
  { host, origin, fetchSite, localAddress }: PageRequestFacts,
  hosts: readonly string[],
  isNavigation: boolean,
): string | undefined {
  if (host === undefined || !isOurs(host, localAddress, hosts))
    return `the host ${JSON.stringify(host ?? '')} is not a name of this dashboard: see dashboard.hosts`
  if (origin !== undefined && hostOfOrigin(origin) !== host.toLowerCase())
    return 'the request comes from another site'
  if (!isNavigation && fetchSite !== undefined && !ownSites.has(fetchSite))
    return 'the request comes from another site'
  return undefined
}

function isOurs(host: string, localAddress: string | undefined, hosts: readonly string[]): boolean {
  const name = host
    .replace(/:\d*$/, '')
    .replace(/^\[|\]$/g, '')
    .toLowerCase()
  const own = localAddress?.replace(/^::ffff:/, '')
  return isLoopback(name) || name === own || hosts.some((one) => one.toLowerCase() === name)
}

function hostOfOrigin(origin: string): string | undefined {
  try {
    return new URL(origin).host
  } catch {
    // `null`: a page without an origin of its own.
    return undefined
  }
}
