/**
 * The middleware `proxy_ip_parser`: behind a trusted proxy the client's address is the one that the proxy names. RoadRunner takes the first
 * address of `X-Forwarded-For`, which clients can make up; here it is the last one that no trusted proxy has.
 */
import { BlockList, isIP } from 'node:net'
import { addFacts } from '../node/facts.js'
import { lookAt } from '../node/look.js'
import { remoteAddress } from '../node/request.js'
import type { RequestLook } from '../serving/request-look.js'
import type { BuiltInMiddleware } from './plain-part.js'

/** RoadRunner's list for a key without values. */
export const privateSubnets = [
  ...['10.0.0.0/8', '127.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16'],
  ...['::1/128', 'fc00::/7', 'fe80::/10'],
] as const

/** Headers that tell an address, in the order in which they count. */
export const addressHeaders = [
  ...['forwarded', 'x-forwarded-for', 'x-real-ip', 'true-client-ip', 'cf-connecting-ip'],
] as const

/** Makes the middleware. Throws an `Error` with a sentence for what is not a subnet. */
export function proxyAddress(subnets: readonly string[]): BuiltInMiddleware {
  const trusted = remembered(trustOf(subnets))
  const addressOf = (look: RequestLook, address: string) =>
    trusted(address) ? (toldAddress(look, trusted) ?? address) : address
  return {
    name: 'proxy_ip_parser',
    plain: { addressOf },
    handle(request, _response, next) {
      const address = remoteAddress(request)
      const told = addressOf(lookAt(request), address)
      if (told !== address) addFacts(request, { remoteAddr: told })
      next()
    },
  }
}

/** True for an address within one of the subnets. */
type Trust = (address: string) => boolean

/** Makes the test of a list of subnets. Throws an `Error` with a sentence for what is not one. */
function trustOf(subnets: readonly string[]): Trust {
  const list = new BlockList()
  for (const subnet of subnets) {
    const [address = '', bits] = subnet.split('/')
    const kind = isIP(address)
    const bitsMax = kind === 4 ? 32 : 128
    const count = bits === undefined ? bitsMax : Number(bits)
    if (kind === 0 || !Number.isInteger(count) || count < 0 || count > bitsMax)
      throw new Error(`"${subnet}" is not a subnet such as 10.0.0.0/8`)
    list.addSubnet(address, count, kind === 4 ? 'ipv4' : 'ipv6')
  }
  return (address) => {
    const kind = isIP(address)
    return kind !== 0 && list.check(address, kind === 4 ? 'ipv4' : 'ipv6')
  }
}

const verdictsMax = 1000

/** The same test with a memory: a server has few proxies, and each sends many requests. */
function remembered(trusted: Trust): Trust {
  const verdicts = new Map<string, boolean>()
  return (address) => {
    const known = verdicts.get(address)
    if (known !== undefined) return known
    if (verdicts.size >= verdictsMax) verdicts.clear()
    const verdict = trusted(address)
    verdicts.set(address, verdict)
    return verdict
  }
}

function toldAddress(look: RequestLook, trusted: Trust): string | undefined {
  const hops = forwardedHops(look.header('forwarded')) ?? listed(look.header('x-forwarded-for'))
  const hop = hops?.findLast((one) => !trusted(one)) ?? hops?.[0]
  if (hop !== undefined) return hop
  for (const name of ['x-real-ip', 'true-client-ip', 'cf-connecting-ip']) {
    const [address] = listed(look.header(name)) ?? []
    if (address !== undefined) return address
  }
  return undefined
}

/** `Forwarded: for=192.0.2.60;proto=http, for="[2001:db8::1]:80"` (RFC 7239). */
function forwardedHops(value: string | undefined): readonly string[] | undefined {
  if (value === undefined) return undefined
  const hops = [...value.matchAll(/(?:^|[;,\s])for="?([^",;]+)"?/gi)].map(([, hop = '']) => hop)
  return addresses(hops)
}

function listed(value: string | undefined): readonly string[] | undefined {
  return value === undefined ? undefined : addresses(value.split(','))
}

/** The addresses of a list, without ports; undefined when there is none. */
function addresses(given: readonly string[]): readonly string[] | undefined {
  const found = given
    .map((one) =>
      one
        .trim()
        .replace(/^\[(.*)\](:\d+)?$/, '$1')
        .replace(/^([\d.]+):\d+$/, '$1'),
    )
    .filter((one) => isIP(one) !== 0)
  return found.length === 0 ? undefined : found
}
