/** Answers `/health`, `/ready` and `/jobs` as RoadRunner does: lists of JSON, and a status that a probe can act on. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { type Logger, messageOf, type QueueState, type QueueStatesService } from '../../index.js'
import type { Check, Checks, PluginReport } from './checks.js'

/** Services behind the routes. */
export interface RoutesOptions {
  readonly checks: Checks
  readonly queues: ReadonlyMap<string, QueueStatesService>
  /** Status of an answer with bad news. */
  readonly unavailable: number
  readonly isStopping: () => boolean
  readonly log: Logger
}

interface Answer {
  readonly status: number
  readonly body: unknown
}

const methodsHint = 'GET, HEAD'
const notFound = 404

/** Returns the listener of the server. Never throws; a query of what fails is answered with the status for bad news. */
export function statusRoutes(
  options: RoutesOptions,
): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => {
    void answerTo(request, options)
      .catch((error: unknown): Answer => {
        options.log.error({ error: messageOf(error) }, 'a health check failed')
        return { status: options.unavailable, body: { error: messageOf(error) } }
      })
      .then(({ status, body }) => {
        if (status === 405) response.setHeader('Allow', methodsHint)
        const text = JSON.stringify(body)
        response.writeHead(status, {
          'Content-Type': 'application/json',
          'Content-Length': Buffer.byteLength(text),
          'Cache-Control': 'no-store',
        })
        response.end(request.method === 'HEAD' ? undefined : text)
      })
  }
}

async function answerTo({ method, url = '/' }: IncomingMessage, options: RoutesOptions): Promise<Answer> {
  if (method !== 'GET' && method !== 'HEAD') return { status: 405, body: { error: `use ${methodsHint}` } }
  const [path, query = ''] = url.split('?', 2)
  const plugins = new URLSearchParams(query).getAll('plugin')
  switch (path) {
    case '/health':
      return answerCheck('health', plugins, options)
    case '/ready':
      return answerCheck('ready', plugins, options)
    case '/jobs':
      return answerJobs(options)
    default:
      return { status: notFound, body: { error: 'there are /health, /ready and /jobs' } }
  }
}

async function answerCheck(
  check: Check,
  plugins: readonly string[],
  options: RoutesOptions,
): Promise<Answer> {
  const { checks, unavailable, isStopping } = options
  // A server that stops is alive until it has ended: restarting it would lose what it still works on.
  if (isStopping()) return { status: check === 'health' ? 200 : unavailable, body: stopping }
  if (plugins.length === 0) return answerOf(await checks.all(check), unavailable)
  const reports = await Promise.all(
    plugins.map(async (plugin) => (await checks.one(plugin, check)) ?? { plugin, isUnknown: true as const }),
  )
  return answerOf(reports, unavailable)
}

type Reported = PluginReport | { readonly plugin: string; readonly isUnknown: true }

/** The status for bad news wins over 404, which wins over 200. */
function answerOf(reports: readonly Reported[], unavailable: number): Answer {
  const entries = reports.map((report) =>
    'isUnknown' in report
      ? entryOf(report.plugin, notFound, 'no such plugin, or it does not answer checks')
      : entryOf(report.plugin, report.isFine ? 200 : unavailable, report.why),
  )
  const isBad = reports.some((report) => 'isFine' in report && !report.isFine)
  const isUnknown = reports.some((report) => 'isUnknown' in report)
  return { status: isBad ? unavailable : isUnknown ? notFound : 200, body: entries }
}

function entryOf(plugin_name: string, status_code: number, error_message: string): object {
  return { plugin_name, error_message, status_code }
}

async function answerJobs({ queues, unavailable, isStopping }: RoutesOptions): Promise<Answer> {
  if (isStopping()) return { status: unavailable, body: stopping }
  if (queues.size === 0) return { status: unavailable, body: { error: 'jobs plugin not found' } }
  const states = await Promise.all([...queues.values()].map((one) => one.states()))
  return { status: 200, body: states.flat().map(jobsEntry) }
}

/** Numbers that a queue cannot say are 0, as in RoadRunner. */
function jobsEntry({
  pipeline,
  priority,
  isReady,
  queue,
  driver,
  error = '',
  ...counts
}: QueueState): object {
  const { active = 0, delayed = 0, reserved = 0 } = counts
  return {
    pipeline,
    priority,
    ready: isReady,
    queue,
    active,
    delayed,
    reserved,
    driver,
    error_message: error,
  }
}

const stopping = { error: 'service is shutting down' }
