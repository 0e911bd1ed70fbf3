/** Starts the plugin: the tracer with its bounded buffer and exporter, and the service that makes traces. */
import { randomUUID } from 'node:crypto'
import {
  type Job,
  onAbort,
  type PoolsService,
  type RunningPlugin,
  type SetupContext,
  type Tracing,
  type TracingService,
} from '../../index.js'
import { makeExporter, WatchedExporter } from './exporters.js'
import { loadOtel, type OtelPackages } from './packages.js'
import { headerNames, Propagation } from './propagation.js'
import type { OtelSettings } from './section.js'
import { SpanIds } from './span-ids.js'
import { OtelTrace, type TraceParts } from './work-trace.js'

type Context = Pick<
  SetupContext<OtelSettings, unknown>,
  'config' | 'log' | 'env' | 'clock' | 'announce' | 'defer'
> & { readonly needs: { readonly pools: PoolsService } }

// A frozen function pays for the wait, and a collector beside it answers within milliseconds.
const flushMsMax = 1000
// A collector that failed is not waited for again so soon.
const failedMsMin = 30_000
const closeMsMax = 1000

/** Starts it. Rejects with RR_DRIVER_PACKAGE when a package is missing. */
export async function startTracing(context: Context): Promise<RunningPlugin<typeof Tracing>> {
  const { config, needs, log, env, clock, announce, defer } = context
  const packages = await loadOtel()
  const named = await makeExporter(config, env, packages)
  const exporter = new WatchedExporter(named, { log, clock })
  const { api, sdk } = packages
  const processor = new sdk.BatchSpanProcessor(exporter)
  const ids = new SpanIds(sdk)
  const { sampling_ratio: ratio } = config
  const provider = new sdk.BasicTracerProvider({
    resource: resourceOf(config, env, packages),
    spanProcessors: [processor],
    idGenerator: ids,
    ...(ratio === undefined
      ? {}
      : { sampler: new sdk.ParentBasedSampler({ root: new sdk.TraceIdRatioBasedSampler(ratio) }) }),
  })
  const within = (ms: number, ended: Promise<void>, signal?: AbortSignal) =>
    new Promise<void>((resolve) => {
      const timer = clock.timer(ms, resolve)
      if (signal !== undefined) onAbort(signal, resolve)
      void ended
        .catch(() => undefined)
        .finally(() => {
          timer.clear()
          resolve()
        })
    })
  defer(() => within(closeMsMax, provider.shutdown()))
  let isFlushed = true
  const jobs = new WeakMap<Job, OtelTrace>()
  const parts: TraceParts = {
    ...{ api, ids, jobs, clock, tracer: provider.getTracer('relayrunner') },
    propagation: new Propagation(packages),
    onEnded: () => {
      isFlushed = false
    },
  }
  needs.pools.on('assigned', ({ pool, job }) => jobs.get(job)?.assigned(pool))
  needs.pools.on('settled', ({ job, outcome }) => jobs.get(job)?.settled(outcome))
  announce({ what: 'traces', where: `to ${named.where}` })
  const service: TracingService = {
    headerNames,
    begin: (start) => new OtelTrace(parts, start),
    get isFlushed() {
      return isFlushed
    },
    async flush() {
      isFlushed = true
      if ((exporter.failedForMs ?? failedMsMin) >= failedMsMin)
        await within(flushMsMax, processor.forceFlush())
    },
  }
  return {
    service,
    // All who begin traces have ended: they need this plugin.
    drain: (signal) => within(Number.POSITIVE_INFINITY, processor.forceFlush(), signal),
  }
}

function resourceOf(
  { service_name: name, service_version: version, resource }: OtelSettings,
  env: Context['env'],
  { resources }: OtelPackages,
) {
  const { AWS_LAMBDA_FUNCTION_NAME: functionName } = env
  const given = {
    'service.name': resource.service_name || name,
    'service.version': resource.service_version || version,
    'service.namespace': resource.service_namespace,
    'service.instance.id': resource.service_instance_id,
  }
  const defaults = {
    'service.name': functionName || 'RelayRunner',
    'service.instance.id': env.AWS_LAMBDA_LOG_STREAM_NAME || randomUUID(),
    'process.pid': process.pid,
    ...(functionName === undefined
      ? {}
      : {
          'cloud.provider': 'aws',
          'cloud.platform': 'aws_lambda',
          'cloud.region': env.AWS_REGION,
          'faas.name': functionName,
          'faas.version': env.AWS_LAMBDA_FUNCTION_VERSION,
        }),
  }
  const own = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== ''))
  return resources
    .resourceFromAttributes(defaults)
    .merge(resources.detectResources({ detectors: [resources.envDetector] }))
    .merge(resources.resourceFromAttributes(own))
}
