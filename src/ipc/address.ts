/** Listening on an address as people write it, for the servers of plugins: `HOST:PORT`, `:PORT` or `unix://PATH`. */
import type { Server } from 'node:net'
import { resolve as resolvePath } from 'node:path'
import { onAbort } from '../core/abort.js'
import { ErrorCode, messageOf, RelayError } from '../core/errors.js'
import { listenUnix } from './listen.js'

type Address =
  | { readonly kind: 'unix'; readonly path: string }
  /** Without a host: every interface, IPv6 and IPv4. */
  | { readonly kind: 'tcp'; readonly host: string | undefined; readonly port: number }

const portMax = 65_535
const pattern = '^(unix://.+|(tcp://)?([^:/\\[\\]]*|\\[[0-9A-Fa-f:.]+\\]):[0-9]{1,5})$'
const patternText = 'HOST:PORT, :PORT or unix://PATH'

/** Declares a key that holds an address for `listen`. */
export function listenAddress(
  description = 'Address to listen on: `HOST:PORT`, `:PORT` (every interface) or `unix://PATH`.',
) {
  return { type: 'string', pattern, patternText, description } as const
}

/**
 * Lets a server listen until `signal` aborts, which closes it, also while it is about to listen. `:PORT` is every interface, port 0 a free
 * one; a socket file has mode 0600, and a stale one is replaced. Resolves with the address, with the real port. Rejects with
 * RR_ADDRESS_IN_USE, RR_ADDRESS_INVALID, RR_SOCKET_PATH, or the signal's reason; the server does not listen then.
 */
export async function listen(server: Server, address: string, signal: AbortSignal): Promise<string> {
  signal.throwIfAborted()
  const place = addressOf(address)
  if (place.kind === 'unix') await listenUnix(server, place.path)
  else await bind(server, place, { address, signal })
  if (signal.aborted) {
    server.close()
    throw signal.reason
  }
  server.once(
    'close',
    onAbort(signal, () => server.close()),
  )
  return place.kind === 'unix' ? `unix://${place.path}` : boundAddress(server, place)
}

function addressOf(text: string): Address {
  const [, path] = /^unix:\/\/(.+)$/.exec(text) ?? []
  if (path !== undefined) return { kind: 'unix', path: resolvePath(path) }
  const [, host = '', port] = /^(?:tcp:\/\/)?(.*):(\d+)$/.exec(text) ?? []
  if (port === undefined || !new RegExp(pattern).test(text) || Number(port) > portMax)
    throw invalid(
      text,
      `expected ${patternText}`,
      /^\d+$/.test(text) ? `Write :${text} for every interface.` : undefined,
    )
  return { kind: 'tcp', host: host === '' ? undefined : host.replace(/^\[|\]$/g, ''), port: Number(port) }
}

/** Resolves when it listens. Node resolves the host first, and a server that is closed meanwhile would listen all the same. */
function bind(
  server: Server,
  { host, port }: Address & { readonly kind: 'tcp' },
  { address, signal }: { readonly address: string; readonly signal: AbortSignal },
): Promise<void> {
  return new Promise((resolve, reject) => {
    const forget = onAbort(signal, () => reject(signal.reason))
    const end = (act: () => void) => () => {
      forget()
      server.off('error', onError).off('listening', onListening).off('close', onClose)
      act()
    }
    const onListening = end(() => (signal.aborted ? server.close() : resolve()))
    const onClose = end(() => reject(invalid(address, 'the server was closed before it listened')))
    const onError = (error: Error) => end(() => reject(faultOf(address, error)))()
    server.on('error', onError).on('listening', onListening).on('close', onClose)
    server.listen({ port, ...(host === undefined ? {} : { host }) })
  })
}

function boundAddress(server: Server, { host, port }: Address & { readonly kind: 'tcp' }): string {
  const bound = server.address()
  const real = typeof bound === 'object' && bound !== null ? bound.port : port
  return `${host?.includes(':') === true ? `[${host}]` : (host ?? '')}:${real}`
}

function faultOf(address: string, cause: Error): RelayError {
  const code = 'code' in cause ? String(cause.code) : ''
  if (code === 'EADDRINUSE')
    return new RelayError(ErrorCode.AddressInUse, `${address} is in use`, {
      hint: 'Stop the program that listens there, or choose another address.',
      cause,
    })
  const [what, hint] = reasons[code] ?? [messageOf(cause), undefined]
  return invalid(address, what, hint, cause)
}

const reasons: Readonly<Record<string, readonly [what: string, hint: string]>> = {
  EACCES: [
    'this user may not listen there',
    'Ports below 1024 need root or CAP_NET_BIND_SERVICE: choose a higher one.',
  ],
  EADDRNOTAVAIL: ['no interface of this machine has this address', 'Write :PORT for every interface.'],
  ENOTFOUND: ['the host name cannot be resolved', 'Write an IP address, or :PORT for every interface.'],
  EAI_AGAIN: ['the host name cannot be resolved', 'Write an IP address, or :PORT for every interface.'],
}

function invalid(address: string, what: string, hint?: string, cause?: unknown): RelayError {
  return new RelayError(ErrorCode.AddressInvalid, `cannot listen on ${JSON.stringify(address)}: ${what}`, {
    ...(hint === undefined ? {} : { hint }),
    ...(cause === undefined ? {} : { cause }),
  })
}
