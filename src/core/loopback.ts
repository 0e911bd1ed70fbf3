/** Recognises loopback addresses. Names are not looked up: one that merely begins like a loopback address does not count. */
import { BlockList, isIP } from 'node:net'

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')

/** True for `localhost`, 127.0.0.0/8 and ::1, with or without brackets. */
export function isLoopback(host: string): boolean {
  const bare = bareHost(host)
  if (bare.toLowerCase() === 'localhost') return true
  const family = isIP(bare)
  return family !== 0 && loopback.check(bare, family === 4 ? 'ipv4' : 'ipv6')
}

/** A host without the brackets that tell an IPv6 address from its port. */
export function bareHost(host: string): string {
  return /^\[(.+)\]$/.exec(host)?.[1] ?? host
}
