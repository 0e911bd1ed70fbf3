/** The metrics of pipelines: RoadRunner's, and the state of each queue. Nothing of this runs without the plugin `metrics`. */
import type { Metric, MetricsService } from '../../index.js'
import type { PipelineState } from './pipeline-state.js'

/** A push that has ended. */
export interface PushEnd {
  readonly pipeline: string
  readonly driver: string
  readonly count: number
  readonly tookMs: number
  readonly isFailed: boolean
}

type Gauge = Metric<'gauge', readonly ['pipeline', 'driver']>

/** Counts pushes as they end, and shows at each scrape what `states` returns. Returns what is to be told of each push. */
export function watchPipelines(
  metrics: MetricsService,
  states: () => Promise<readonly PipelineState[]>,
): (push: PushEnd) => void {
  const shown = new QueueMetrics(metrics)
  metrics.collect(async () => shown.show(await states()))
  const counter = (name: string, help: string) => metrics.declare(name, { type: 'counter', help }).of()
  const labels = ['job', 'driver', 'source'] as const
  const ok = counter('rr_jobs_push_ok', 'Jobs that were pushed.')
  const failed = counter('rr_jobs_push_err', 'Jobs that could not be pushed.')
  const requests = metrics.declare('rr_jobs_requests_total', {
    type: 'counter',
    help: 'Pushes, by pipeline.',
    labels,
  })
  const latency = metrics.declare('rr_jobs_push_latency', {
    type: 'histogram',
    help: 'Seconds until a queue had taken a push.',
    labels,
  })
  return ({ pipeline, driver, count, tookMs, isFailed }) => {
    const source = count === 1 ? 'single' : 'batch'
    requests.of(pipeline, driver, source).add(count)
    latency.of(pipeline, driver, source).observe(tookMs / 1000)
    if (isFailed) failed.add(count)
    else ok.add(count)
  }
}

/** Totals of all pipelines, and gauges of each queue. */
class QueueMetrics {
  readonly #ends
  readonly #gauges: Readonly<
    Record<'active' | 'delayed' | 'reserved' | 'running' | 'waiting' | 'kept', Gauge>
  >
  readonly #isReady: Gauge
  /** Counts of each pipeline at the last scrape. */
  readonly #counted = new Map<string, Record<'ok' | 'err' | 'requeue', number>>()
  #shown: readonly (readonly [pipeline: string, driver: string])[] = []

  constructor(metrics: MetricsService) {
    const counter = (name: string, help: string) => metrics.declare(name, { type: 'counter', help }).of()
    const gauge = (name: string, help: string) =>
      metrics.declare(`rr_jobs_pipeline_${name}`, { type: 'gauge', help, labels: ['pipeline', 'driver'] })
    this.#ends = {
      ok: counter('rr_jobs_jobs_ok', 'Jobs that were acknowledged.'),
      err: counter('rr_jobs_jobs_err', 'Jobs that failed for good.'),
      requeue: counter('rr_jobs_jobs_requeue', 'Jobs that are tried again.'),
    }
    this.#gauges = {
      active: gauge('active', 'Jobs that are ready in the queue.'),
      delayed: gauge('delayed', 'Jobs that are held back until a time.'),
      reserved: gauge('reserved', 'Jobs that were delivered and are not acknowledged.'),
      running: gauge('running', 'Jobs that workers run.'),
      waiting: gauge('waiting', 'Jobs that were taken and wait for a worker.'),
      kept: gauge('kept', 'Jobs that failed for good and are kept.'),
    }
    this.#isReady = gauge('ready', '1 while the pipeline is consumed.')
  }

  show(states: readonly PipelineState[]): void {
    for (const [pipeline, driver] of this.#shown)
      for (const gauge of [...Object.values(this.#gauges), this.#isReady]) gauge.forget(pipeline, driver)
    this.#shown = states.map(({ pipeline, driver }) => [pipeline, driver])
    for (const state of states) {
      const { pipeline, driver, tally } = state
      this.#count(pipeline, { ok: tally.done, err: tally.failed + tally.dropped, requeue: tally.retried })
      this.#isReady.of(pipeline, driver).set(state.state === 'consuming' ? 1 : 0)
      for (const key of ['active', 'delayed', 'reserved', 'running', 'waiting', 'kept'] as const) {
        const value = state[key]
        if (value !== undefined) this.#gauges[key].of(pipeline, driver).set(value)
      }
    }
  }

  /** A pipeline that was destroyed and declared again begins at 0; the totals only grow. */
  #count(pipeline: string, now: Record<'ok' | 'err' | 'requeue', number>): void {
    const before = this.#counted.get(pipeline) ?? { ok: 0, err: 0, requeue: 0 }
    this.#counted.set(pipeline, now)
    for (const key of ['ok', 'err', 'requeue'] as const) {
      const grown = now[key] - before[key]
      this.#ends[key].add(grown < 0 ? now[key] : grown)
    }
  }
}
