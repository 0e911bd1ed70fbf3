/** Starts the plugin: its listener, the requests' way to the pool, and its life. */
import { randomBytes } from 'node:crypto'
import {
  type Announcement,
  type Clock,
  type HttpMiddleware,
  type Logger,
  type MetricsService,
  onAbort,
  type PluginLife,
  type Pool,
  type TracingService,
} from '../../index.js'
import { BodyBudget, fileSender, sweepUploads, uploadId, uploadRemover } from '../../work/http/index.js'
import { openListeners } from './listening/listeners.js'
import { middlewareOf } from './middleware/built-in.js'
import { AccessLog } from './node/access-log.js'
import type { ServeOptions } from './node/serve-request.js'
import { DateLine } from './plain/wire-head.js'
import { requestPaths } from './request-paths.js'
import type { HttpConfig } from './section.js'
import { HeadMemory } from './serving/head-memory.js'
import type { RunParts } from './serving/request-run.js'
import { RequestTracing } from './serving/request-tracing.js'
import { type Route, routeChooser } from './serving/routes.js'

/** Services and settings of the plugin. */
export interface HttpOptions {
  readonly settings: HttpConfig
  readonly pool: Pool
  /** Pools of `http.pools`, with the paths that they serve. */
  readonly routes: readonly Route<Pool>[]
  readonly log: Logger
  readonly clock: Clock
  readonly metrics: MetricsService | undefined
  readonly tracing: TracingService | undefined
  /** Middleware of other plugins, by the plugin's name. */
  readonly middleware: ReadonlyMap<string, HttpMiddleware>
  readonly announce: (place: Announcement) => void
  readonly defer: (undo: () => unknown) => void
}

const bytesPerMb = 1024 * 1024
// A frame holds 64 MB, its context included.
const frameBytesMax = 63 * bytesPerMb

/** Begins to listen; requests wait for the first worker. Rejects when an address cannot be listened on. */
export async function startHttp(options: HttpOptions): Promise<PluginLife> {
  const { settings, metrics, tracing, log, clock, announce, defer } = options
  const stopping = new AbortController()
  const serving = await serveOptions(options, () => stopping.signal.aborted)
  const provided = [...options.middleware.values()]
  const middleware = await middlewareOf({ config: settings, clock, metrics, tracing, provided })
  const accessLog = new AccessLog({ log, clock, isAsked: settings.access_logs })
  const { handle, plain } = requestPaths({ middleware, serving, accessLog, log })
  const listeners = await openListeners({
    ...{ settings, log, clock, announce, defer, stopping: stopping.signal, handle },
    parts: { ...plain, headBytesMax: settings.limits.head_size, date: new DateLine(() => clock.nowMs()) },
  })
  sweep(options)
  let closed = Promise.resolve()
  return {
    stopTaking: () => {
      stopping.abort()
      closed = listeners.close()
    },
    async drain(signal) {
      await Promise.race([closed, new Promise<void>((resolve) => onAbort(signal, resolve))])
      accessLog.flush()
    },
  }
}

async function serveOptions(
  { settings, pool, routes, tracing, log, clock }: HttpOptions,
  isStopping: () => boolean,
): Promise<ServeOptions> {
  const heads = new HeadMemory()
  const runParts = (one: Pool): RunParts => ({
    pool: one,
    log,
    faults: { status: settings.internal_error_code, isShown: isDebug(settings) },
    readHead: (context) => heads.read(context),
  })
  const codec = settings.codec === 'proto' ? 'proto' : 'json'
  return {
    runFor: routeChooser(
      routes.map(({ match, to }) => ({ match, to: runParts(to) })),
      runParts(pool),
    ),
    codec,
    isRaw: settings.raw_body,
    formBytesMax: settings.max_request_size * bytesPerMb,
    bodyBytesMax: Math.min(settings.max_request_size * bytesPerMb, frameBytesMax),
    room: new BodyBudget(settings.limits.buffered),
    forms: {
      uploads: { ...settings.uploads, owner: pool.identity },
      newId: uploadId,
      remove: uploadRemover({ log, clock }),
      // Older packages, which know only JSON, take no empty body for a form.
      emptyForm: codec === 'json' ? '{}' : '',
    },
    newId: idMaker(),
    isStopping,
    tracing: tracing === undefined ? undefined : new RequestTracing(tracing),
    // Workers are trusted with all files that the server can read.
    sendFile: namesSendfile(settings)
      ? await fileSender({ root: '/', hasDotFiles: true, etag: true })
      : undefined,
  }
}

/** Makes ids of jobs that are unique over servers: a random beginning, and a number. */
function idMaker(): () => string {
  const start = randomBytes(4).toString('hex')
  let count = 0
  return () => {
    count += 1
    return `${start}-${count}`
  }
}

function namesSendfile({ middleware }: HttpConfig): boolean {
  return middleware.some((one) => /\bsendfile\b/.test(one))
}

function isDebug({ pool }: HttpConfig): boolean {
  return typeof pool === 'object' && pool.debug
}

function sweep({ settings, log, clock }: HttpOptions): void {
  void sweepUploads(settings.uploads.dir, clock.nowMs()).then((count) => {
    if (count > 0) log.info({ count }, 'removed uploaded files that an earlier server had left')
  })
}
