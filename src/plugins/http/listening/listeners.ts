/** Opens the listeners that the section asks for: plain HTTP (with h2c), and HTTPS. Each has the reader of plain requests in front. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { TLSSocket, Server as TlsServer } from 'node:tls'
import { type Announcement, type Clock, type Logger, listen } from '../../../index.js'
import { clientRules, isWelcome, readTls, renewTls } from '../../../work/http/index.js'
import { plainAddress } from '../node/request.js'
import { type PlainReader, type PlainReaderOptions, readPlain } from '../plain/plain-reader.js'
import type { HttpConfig } from '../section.js'
import { type HttpListener, httpServer, listenerOf, tlsServer } from './http-server.js'
import { type AnyHandler, h2cTaker, Sessions } from './http2.js'

/** Parts of listeners. */
export interface ListenersOptions {
  readonly settings: HttpConfig
  readonly handle: AnyHandler
  readonly parts: PlainReaderOptions['parts']
  readonly stopping: AbortSignal
  readonly clock: Clock
  readonly log: Logger
  readonly announce: (place: Announcement) => void
  readonly defer: (undo: () => unknown) => void
}

/** Open listeners. */
export interface Listeners {
  /** Ends idle connections, and others with their answers; resolves when all have ended. Listening ends with `stopping`. */
  close(): Promise<void>
}

const permanentRedirect = 308
const httpsPort = '443'

/** Listens on all addresses. Rejects when one of them cannot be listened on, or a certificate cannot be read. */
export async function openListeners(options: ListenersOptions): Promise<Listeners> {
  const { settings } = options
  const open: { readonly listener: HttpListener; readonly reader: PlainReader }[] = []
  if (settings.ssl !== undefined) open.push(await openTls(options, settings.ssl))
  if (settings.address !== undefined) open.push(await openPlain(options, settings.address))
  return {
    async close() {
      for (const { reader } of open) reader.stop()
      await Promise.all(open.map(({ listener }) => listener.close()))
    },
  }
}

async function openPlain(options: ListenersOptions, address: string) {
  const { settings, stopping, announce, defer, parts } = options
  const { limits, http2, ssl } = settings
  const isRedirect = ssl?.redirect === true
  const handle = isRedirect ? redirectTo(ssl.address) : options.handle
  const server = httpServer(limits)
  server.on('request', handle)
  const sessions = new Sessions()
  const about = { streamsMax: http2.max_concurrent_streams, idleMs: limits.idle_timeout }
  const takeHttp2 = http2.h2c ? h2cTaker(handle, about, sessions) : undefined
  const given = isRedirect ? { ...parts, isOff: true } : parts
  const reader = readPlain({
    ...readerOptions(options),
    server,
    event: 'connection',
    takeHttp2,
    parts: given,
  })
  const listener = listenerOf(server, sessions)
  const bound = await listen(server, address, stopping)
  defer(() => listener.destroy())
  announce({ what: 'http', where: bound.startsWith('unix:') ? bound : `http://${shown(bound)}` })
  return { listener, reader }
}

async function openTls(options: ListenersOptions, ssl: NonNullable<HttpConfig['ssl']>) {
  const keys = { ...ssl, section: 'http.ssl' }
  const { settings, handle, stopping, clock, log, announce, defer } = options
  const { limits, http2 } = settings
  const sessions = new Sessions()
  const tls = { ...(await readTls(keys)), ...clientRules(keys) }
  const server = tlsServer(limits, tls, { streamsMax: http2.max_concurrent_streams, sessions })
  server.on('request', handle)
  const reader = readPlain({ ...readerOptions(options), server, event: 'secureConnection' })
  server.prependListener('secureConnection', (socket) => {
    if (socket instanceof TLSSocket && !isWelcome(keys, socket)) socket.destroy()
  })
  const listener = listenerOf(server, sessions)
  const bound = await listen(server, keys.address, stopping)
  defer(() => listener.destroy())
  if (server instanceof TlsServer) defer(renewTls(server, keys, { clock, log }))
  announce({ what: 'https', where: `https://${shown(bound)}` })
  return { listener, reader }
}

function readerOptions({ settings, clock, parts }: ListenersOptions) {
  return {
    limits: settings.limits,
    clock,
    parts,
    addressOf: (socket: Socket) => plainAddress(socket.remoteAddress),
  }
}

/** Sends all requests to HTTPS. */
function redirectTo(address: string) {
  const [, port = httpsPort] = /:(\d+)$/.exec(address) ?? []
  return ({ headers, url = '/' }: IncomingMessage, response: ServerResponse) => {
    const host = String(headers[':authority'] ?? headers.host ?? '').replace(/:\d+$/, '')
    const place = `https://${host}${port === httpsPort ? '' : `:${port}`}${url}`
    response.writeHead(permanentRedirect, { Location: place, 'Content-Length': 0 }).end()
  }
}

/** `:8080` is every interface. */
function shown(address: string): string {
  return address.startsWith(':') ? `0.0.0.0${address}` : address
}
