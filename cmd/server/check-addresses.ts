/**
 * Finds addresses of a configuration that `rr serve` would refuse, whether or not they are free. Pure but for a look at
 * folders and network interfaces.
 */
import { existsSync } from 'node:fs'
import { isIP } from 'node:net'
import { networkInterfaces } from 'node:os'
import { dirname, resolve } from 'node:path'
import { socketPathBytesMax } from '../../src/ipc/listen.js'

const portMax = 65_535

/** Returns the fault of a `host:port` that need not be loopback; undefined when a server can listen on it. */
export function hostPortFault(address: string): string | undefined {
  const colon = address.lastIndexOf(':')
  const [host, port] = [address.slice(0, colon).replace(/^\[|\]$/g, ''), Number(address.slice(colon + 1))]
  if (port > portMax) return `there is no port ${port}: ${portMax} is the last one`
  if (isIP(host) === 0 || isOfThisMachine(host)) return undefined
  return `no network interface of this machine has the address ${host}`
}

/**
 * Returns the fault of `unix://PATH` or `tcp://HOST:PORT`, where a TCP address has to be loopback; undefined when there is
 * none.
 */
export function socketFault(address: string, cwd: string): string | undefined {
  const unix = /^unix:\/\/(.+)$/.exec(address)?.[1]
  if (unix === undefined) return tcpFault(address)
  const path = resolve(cwd, unix)
  const bytes = Buffer.byteLength(path)
  if (bytes > socketPathBytesMax)
    return `the path ${path} has ${bytes} bytes; the limit is ${socketPathBytesMax}`
  return existsSync(dirname(path)) ? undefined : `the folder ${dirname(path)} does not exist`
}

function tcpFault(address: string): string | undefined {
  const rest = /^tcp:\/\/(.+:\d+)$/.exec(address)?.[1]
  if (rest === undefined) return undefined
  const host = rest.slice(0, rest.lastIndexOf(':')).replace(/^\[|\]$/g, '')
  const isLoopback = host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))
  return isLoopback ? hostPortFault(rest) : `${address} is not a loopback address`
}

function isOfThisMachine(host: string): boolean {
  if (host === '0.0.0.0' || host === '::' || host.startsWith('127.')) return true
  return Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === host))
}
