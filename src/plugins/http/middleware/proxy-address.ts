/**
 * The middleware `proxy_ip_parser`: behind a trusted proxy the client's address is the one that the proxy names. RoadRunner takes the first
 * address of `X-Forwarded-For`, which clients can make up; here it is the last one that no trusted proxy has.
 */
import { BlockList, isIP } from 'node:net'
import type { HttpMiddleware } from '../../../index.js'
import { addFacts } from '../node/facts.js'
import { remoteAddress } from '../node/request.js'

/** RoadRunner's list for a key without values. */
export const privateSubnets = [
  ...['10.0.0.0/8', '127.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16'],
  ...['::1/128', 'fc00::/7', 'fe80::/10'],
] as const

/** Makes the middleware. Throws an `Error` with a sentence for what is not a subnet. */
export function proxyAddress(subnets: readonly string[]): HttpMiddleware {
  const trusted = trustOf(subnets)
  return {
    name: 'proxy_ip_parser',
    handle(request, _response, next) {
      if (trusted(remoteAddress(request))) {
        const told = toldAddress(request.headers, trusted)
        if (told !== undefined) addFacts(request, { remoteAddr: told })
      }
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

type Headers = Readonly<Record<string, string | string[] | undefined>>

function toldAddress(headers: Headers, trusted: Trust): string | undefined {
  const hops = forwardedHops(headers) ?? listed(headers['x-forwarded-for'])
  const hop = hops?.findLast((one) => !trusted(one)) ?? hops?.[0]
  if (hop !== undefined) return hop
  for (const name of ['x-real-ip', 'true-client-ip', 'cf-connecting-ip']) {
    const [address] = listed(headers[name]) ?? []
    if (address !== undefined) return address
  }
  return undefined
}

/** `Forwarded: for=192.0.2.60;proto=http, for="[2001:db8::1]:80"` (RFC 7239). */
function forwardedHops(headers: Headers): readonly string[] | undefined {
  const { forwarded } = headers
  if (forwarded === undefined) return undefined
  const hops = [...String(forwarded).matchAll(/(?:^|[;,\s])for="?([^",;]+)"?/gi)].map(([, hop = '']) => hop)
  return addresses(hops)
}

function listed(value: string | string[] | undefined): readonly string[] | undefined {
  return value === undefined ? undefined : addresses(String(value).split(','))
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
