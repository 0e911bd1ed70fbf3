/** The middleware `http_metrics`: RoadRunner's counters of requests, where the plugin `metrics` is on. */
import type { MetricsService } from '../../../index.js'
import { factsOf } from '../node/facts.js'
import type { BuiltInMiddleware, Measurement } from './plain-part.js'

const buckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60] as const

/** Makes the middleware. */
export function httpMetrics(metrics: MetricsService, nowMs: () => number): BuiltInMiddleware {
  const requests = metrics.declare('rr_http_request_total', {
    type: 'counter',
    help: 'Requests that have ended, by status.',
    labels: ['status'],
  })
  const seconds = metrics.declare('rr_http_request_duration_seconds', {
    type: 'histogram',
    help: 'Time of requests in seconds, by status.',
    labels: ['status'],
    buckets,
  })
  const refused = metrics.declare('rr_http_no_free_workers_total', {
    type: 'counter',
    help: 'Requests that found no free worker.',
  })
  const open = metrics
    .declare('rr_http_requests_queue', { type: 'gauge', help: 'Requests that have not ended.' })
    .of()
  const uptime = metrics.declare('rr_http_uptime_seconds', {
    type: 'gauge',
    help: 'Seconds for which the server has been up.',
  })
  const startedAt = nowMs()
  metrics.collect(() => uptime.of().set((nowMs() - startedAt) / 1000))
  const measure = (): Measurement => {
    const beganAt = nowMs()
    open.add(1)
    return (code, isRefused) => {
      const status = String(code)
      open.add(-1)
      requests.of(status).add()
      seconds.of(status).observe((nowMs() - beganAt) / 1000)
      if (isRefused) refused.of().add()
    }
  }
  return {
    name: 'http_metrics',
    plain: { measure },
    handle(request, response, next) {
      // The reader of plain requests measures those that it began.
      if (factsOf(request)?.isMeasured !== true) {
        const end = measure()
        response.once('close', () =>
          end(
            response.headersSent ? response.statusCode : 499,
            response.getHeader('No-Workers') !== undefined,
          ),
        )
      }
      next()
    },
  }
}
