/**
 * Decides which callers may use the emulator: programs of this machine, but not web pages in a browser on it. Pages reach
 * loopback addresses, and with DNS rebinding they even read the answers, so a request has to name us by a host that cannot
 * belong to anyone else, and must not say that it comes from another site. Programs (curl, SDKs) send no such headers. Pure.
 */
import { isIPv4, isIPv6, SocketAddress } from 'node:net'
import type { ApiStatus } from '../function/invocation.js'

/** Properties of a request that are checked. */
export interface CallerFacts {
  /** The request target as it stood in the first line. */
  readonly target: string
  /** The values of every `Host` header. */
  readonly hosts: readonly string[]
  /** Value of the header; several are joined. */
  readonly origin: string | undefined
  readonly fetchSite: string | undefined
  readonly upgrade: string | undefined
  /** Our address of the connection. */
  readonly localAddress: string | undefined
}

// `same-origin` is a page of the emulator itself; `none` is an address that the user typed.
const ownSites: ReadonlySet<string> = new Set(['same-origin', 'none'])
const excerptCharacters = 60

/** Returns why a request is refused; undefined: it may go on. `extraHosts` are the names of `emulator.hosts`. */
export function callerFault(facts: CallerFacts, extraHosts: readonly string[]): ApiStatus | undefined {
  const { target, hosts, origin, fetchSite, upgrade, localAddress } = facts
  const [host] = hosts
  if (hosts.length > 1)
    return { status: 400, errorType: 'InvalidRequest', errorMessage: 'several Host headers' }
  const authority = authorityOf(target)
  for (const name of authority === undefined ? [host] : [host, authority])
    if (name === undefined || !isOurs(name, localAddress, extraHosts)) return misdirected(name)
  if (fetchSite !== undefined && !ownSites.has(fetchSite.toLowerCase()))
    return foreign(`Sec-Fetch-Site is ${excerpt(fetchSite)}`)
  if (origin !== undefined && !isSameOrigin(origin, host ?? ''))
    return foreign(`the Origin is ${excerpt(origin)}`)
  if (upgrade?.toLowerCase().includes('websocket') === true) return foreign('it asks for a WebSocket')
  return undefined
}

function misdirected(host: string | undefined): ApiStatus {
  const what =
    host === undefined ? 'the request names no host' : `the host ${excerpt(host)} is not this emulator`
  return {
    status: 421,
    errorType: 'MisdirectedRequest',
    errorMessage: `${what}: use a loopback name or the address itself, or list the name in emulator.hosts (rr lambda run: --allow-host)`,
  }
}

function foreign(why: string): ApiStatus {
  return {
    status: 403,
    errorType: 'ForeignOrigin',
    errorMessage: `pages of other sites may not use the emulator: ${why}`,
  }
}

/** The host of a target in absolute form (`GET http://host/path`); undefined for a path. */
function authorityOf(target: string): string | undefined {
  return /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)/i.exec(target)?.[1]
}

interface HostName {
  readonly name: string
  readonly isIPv6: boolean
}

/** Strictly `name`, `name:port`, `[v6]` or `[v6]:port`. Ports are not compared: containers and tunnels map them. */
function readHost(text: string): HostName | undefined {
  const [, literal, name, port = ''] =
    /^(?:\[([0-9a-f:.]+)(?:%[\w.~%-]+)?\]|([\w-]+(?:\.[\w-]+)*\.?))(?::(\d{0,5}))?$/i.exec(text) ?? []
  if (Number(port) > 65_535) return undefined
  if (literal !== undefined)
    return isIPv6(literal) ? { name: plainAddress(literal), isIPv6: true } : undefined
  return name === undefined ? undefined : { name: plainName(name), isIPv6: false }
}

function isOurs(text: string, localAddress: string | undefined, extraHosts: readonly string[]): boolean {
  const host = readHost(text)
  if (host === undefined) return false
  const { name } = host
  if (isIPv4(name) || host.isIPv6) {
    if (isLoopback(name) || name === plainAddress(localAddress ?? '')) return true
  } else if (name === 'localhost' || name.endsWith('.localhost')) return true
  return extraHosts.some((extra) => plainHost(extra) === name)
}

/** Lower case, without the dot that ends a full name. */
function plainName(name: string): string {
  return name.toLowerCase().replace(/\.$/, '')
}

/** A name or address of `emulator.hosts` in the spelling that hosts are compared in. */
function plainHost(given: string): string {
  const bare = given.replace(/^\[|\]$/g, '')
  return isIPv6(bare) ? plainAddress(bare) : plainName(bare)
}

/** Returns an address in one spelling: `::ffff:127.0.0.1` is 127.0.0.1, and an interface's name is left out. */
function plainAddress(given: string): string {
  const address = given.replace(/%.*$/, '').toLowerCase()
  if (!isIPv6(address)) return address
  const short = new SocketAddress({ address, family: 'ipv6' }).address
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(short)?.[1] ?? short
}

function isLoopback(address: string): boolean {
  return address === '::1' || (isIPv4(address) && address.startsWith('127.'))
}

/** True when a page comes from the host and port of the request. The scheme may differ, as a proxy may speak TLS. */
function isSameOrigin(origin: string, host: string): boolean {
  const [, scheme, rest] = /^(https?):\/\/([^/?#@\\\s]+)$/i.exec(origin) ?? []
  if (scheme === undefined || rest === undefined || readHost(rest) === undefined) return false
  return withoutDefaultPort(rest, scheme) === withoutDefaultPort(host, scheme)
}

function withoutDefaultPort(host: string, scheme: string): string {
  const port = scheme.toLowerCase() === 'https' ? ':443' : ':80'
  const lower = host.toLowerCase()
  return lower.endsWith(port) ? lower.slice(0, -port.length) : lower
}

/** Shortens the text of a header and removes control characters, as it comes from outside. */
function excerpt(text: string): string {
  return JSON.stringify(text.slice(0, excerptCharacters).replace(/[^\x20-\x7e]/g, '?'))
}
