/** Starts the plugin: a server of files, of which each is sent by the package behind `http.static`. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { resolve } from 'node:path'
import { type Announcement, listen, type PluginLife } from '../../index.js'
import { compressor, fileSender } from '../../work/http/index.js'
import type { FileserverSettings } from './section.js'

/** Context of the plugin's set-up. */
export interface FileserverContext {
  readonly config: FileserverSettings
  readonly announce: (place: Announcement) => void
  readonly defer: (undo: () => unknown) => void
}

interface Folder {
  /** Without a slash at its end. */
  readonly prefix: string
  readonly send: (request: IncomingMessage, response: ServerResponse, path: string) => void
}

const requestMsMax = 30_000
const idleMsMax = 300_000
const connectionsMax = 10_000
const compressedBytesMin = 1024

/** Listens. Rejects when the address cannot be had. */
export async function startFileserver({ config, announce, defer }: FileserverContext): Promise<PluginLife> {
  const folders = await Promise.all(config.serve.map((one) => folderOf(one, config.calculate_etag)))
  folders.sort((a, b) => b.prefix.length - a.prefix.length)
  const server = createServer(
    { requestTimeout: requestMsMax, headersTimeout: requestMsMax, keepAliveTimeout: idleMsMax },
    (request, response) => serve(folders, request, response),
  )
  server.maxConnections = connectionsMax
  const ending = new AbortController()
  defer(() => {
    ending.abort()
    server.closeAllConnections()
  })
  announce({ what: 'fileserver', where: `http://${await listen(server, config.address, ending.signal)}` })
  return {
    stopTaking: () => {
      server.close()
      server.closeIdleConnections()
    },
  }
}

async function folderOf(
  { prefix, root, compress, max_age, bytes_range: ranges }: FileserverSettings['serve'][number],
  etag: boolean,
): Promise<Folder> {
  const options = { root: resolve(root), etag, ranges, ...(max_age === 0 ? {} : { maxAgeS: max_age }) }
  const [sendFile, compression] = await Promise.all([
    fileSender(options),
    compress ? compressor(compressedBytesMin) : undefined,
  ])
  const plain: Folder['send'] = (request, response, path) =>
    sendFile(request, response, path, (status) => refuse(response, status))
  return {
    prefix: prefix.replace(/\/+$/, ''),
    send: (request, response, path) => {
      if (compression === undefined) plain(request, response, path)
      else compression.handle(request, response, () => plain(request, response, path))
    },
  }
}

function serve(folders: readonly Folder[], request: IncomingMessage, response: ServerResponse): void {
  const { method, url = '/' } = request
  if (method !== 'GET' && method !== 'HEAD') {
    response.setHeader('Allow', 'GET, HEAD')
    refuse(response, 405)
    return
  }
  const path = url.replace(/[?#].*$/s, '')
  const folder = folders.find(({ prefix }) => path.startsWith(`${prefix}/`))
  if (folder === undefined) refuse(response, 404)
  else folder.send(request, response, path.slice(folder.prefix.length))
}

function refuse(response: ServerResponse, status: number): void {
  if (!response.headersSent) response.writeHead(status, { 'Content-Length': 0 })
  response.end()
}
