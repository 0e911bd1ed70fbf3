/** The plugin `otel`: traces of requests, jobs and events, exported by OpenTelemetry's own packages. */
import { definePlugin, Pools, Tracing } from '../../index.js'
import { otelSection } from './section.js'

export default definePlugin({
  name: 'otel',
  on: 'section',
  needs: { pools: Pools },
  provides: Tracing,
  config: otelSection,
  async setup(context) {
    const { startTracing } = await import('./start.js')
    return startTracing(context)
  },
})
