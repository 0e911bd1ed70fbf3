/** Follows calls: one line of the log for each when it has ended, and RoadRunner's metrics where the plugin `metrics` is on. */
import type { Clock, Logger, MetricsService } from '../../../index.js'
import { codeName } from '../wire/status.js'

const buckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60] as const

/** Options of an observer. */
export interface ObserverOptions {
  readonly log: Logger
  readonly clock: Clock
  readonly metrics: MetricsService | undefined
  /** True when lines are written at `info`, else at `debug`. */
  readonly isAsked: boolean
}

/** A call that begins. */
interface ObservedCall {
  /** `/package.Service/Method`. */
  readonly path: string
  /** False for a path that no file declares, which never becomes a label. */
  readonly isKnown: boolean
  readonly remote: string
}

/** Begins to follow a call; the returned function takes its code and the bytes of its answer. */
export type Observe = (call: ObservedCall) => (code: number, bytes: number) => void

/** Makes the follower. */
export function observer({ log, clock, metrics, isAsked }: ObserverOptions): Observe {
  const measure = metrics === undefined ? undefined : measurement(metrics)
  return ({ path, isKnown, remote }) => {
    const beganAt = clock.monotonicMs()
    const method = isKnown ? path : 'unknown'
    measure?.begin()
    return (number, bytes) => {
      const tookMs = clock.monotonicMs() - beganAt
      const code = codeName(number)
      measure?.end(method, code, tookMs)
      const elapsedMs = Math.round(tookMs * 1000) / 1000
      const fields = { code, method: path, remote, elapsed: `${elapsedMs}ms`, elapsedMs, bytes }
      if (isAsked) log.info(fields, 'call')
      else if (log.isEnabled('debug')) log.debug(fields, 'call')
    }
  }
}

function measurement(metrics: MetricsService) {
  const calls = metrics.declare('rr_grpc_request_total', {
    type: 'counter',
    help: 'Calls that have ended, by method and status.',
    labels: ['grpc_method', 'status_code'],
  })
  const seconds = metrics.declare('rr_grpc_request_duration_seconds', {
    type: 'histogram',
    help: 'Time of calls in seconds, by method.',
    labels: ['grpc_method'],
    buckets,
  })
  const open = metrics.declare('rr_grpc_requests_queue', {
    type: 'gauge',
    help: 'Calls that have not ended.',
  })
  return {
    begin: () => open.of().add(1),
    end(method: string, code: string, tookMs: number) {
      open.of().add(-1)
      calls.of(method, code).add()
      seconds.of(method).observe(tookMs / 1000)
    },
  }
}
