/** The keys of `metrics:`. */
import { type ConfigOf, listenAddress, required, type SectionConfig, section } from '../../index.js'

/** The keys of one metric of an application, as in RoadRunner; a client that declares one sends the same. */
export const collectorProperties = {
  type: required({
    type: 'string',
    enum: ['counter', 'gauge', 'histogram', 'summary'],
    description: 'Kind of the metric.',
  }),
  namespace: { type: 'string', default: '', description: 'First part of the full name.' },
  subsystem: { type: 'string', default: '', description: 'Second part of the full name.' },
  help: { type: 'string', default: '', description: 'One sentence for readers of the scrape.' },
  labels: {
    type: 'array',
    items: { type: 'string' },
    description: 'Names of labels, in the order in which clients send their values.',
  },
  buckets: {
    type: 'array',
    items: { type: 'number' },
    description: 'Upper bounds of a histogram’s buckets, ascending; without them .005 to 10.',
  },
  objectives: {
    type: 'map',
    values: { type: 'number' },
    description: 'Quantiles of a summary with their allowed errors: `{ "0.99": 0.001 }`.',
  },
} as const

/** Declaration of a metric of an application. */
export type CollectorConfig = ConfigOf<typeof collectorProperties>

/** The section. */
export const metricsSection = section(
  {
    address: {
      ...listenAddress('Address of the scrape; every path answers it, `/metrics` by custom.'),
      default: '127.0.0.1:2112',
    },
    collect: {
      type: 'map',
      values: { type: 'object', properties: collectorProperties },
      description: 'Metrics of the application, which workers change over RPC (`metrics.Add` and others).',
    },
  },
  'Metrics for Prometheus.',
)

/** Validated value of the section. */
export type MetricsSettings = SectionConfig<typeof metricsSection>
