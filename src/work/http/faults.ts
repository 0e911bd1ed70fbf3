/**
 * Finds requests that Go's HTTP server would have refused before RoadRunner saw them. Gateways refuse them, too; an event
 * that a caller sends to the function directly is refused here, before it can crash a worker. Pure.
 */
import type { HttpRequest } from './request.js'
import { isToken } from './text.js'

/** Why a request is refused. */
export interface HttpFault {
  readonly status: number
  /** A sentence for the caller. */
  readonly text: string
}

/** Lines of headers; gateways take a hundred or so. */
export const headersMax = 1000
/** Go's own limit. */
export const headerBytesMax = 1024 * 1024

const badRequest = 400
const tooManyHeaders = 431
const excerptCharacters = 40

/** The first fault of a request; undefined when there is none. */
export function faultOf({ method, host, headers }: HttpRequest): HttpFault | undefined {
  if (!isToken(method))
    return { status: badRequest, text: `the method ${excerpt(method)} is not an HTTP method` }
  if (!isHost(host)) return { status: badRequest, text: `the host ${excerpt(host)} is invalid` }
  let [lines, bytes] = [0, 0]
  for (const [name, values] of Object.entries(headers)) {
    if (!isToken(name)) return { status: badRequest, text: `the header name ${excerpt(name)} is invalid` }
    for (const value of values) {
      if (/[\r\n\0]/.test(value))
        return { status: badRequest, text: `the header ${excerpt(name)} holds a line break or a NUL` }
      lines += 1
      bytes += name.length + value.length
    }
  }
  if (lines > headersMax)
    return { status: tooManyHeaders, text: `the request has ${lines} headers, ${headersMax} are taken` }
  if (bytes <= headerBytesMax) return undefined
  return {
    status: tooManyHeaders,
    text: `the request has ${bytes} bytes of headers, ${headerBytesMax} are taken`,
  }
}

/** True for a host with or without a port. */
export function isHost(host: string): boolean {
  const port = /^(?:\[[0-9a-fA-F:.]+\]|[\w.~-]+)(?::(\d{1,5}))?$/.exec(host)
  return port !== null && Number(port[1] ?? 0) <= 65_535
}

function excerpt(text: string): string {
  return JSON.stringify(text.slice(0, excerptCharacters))
}
