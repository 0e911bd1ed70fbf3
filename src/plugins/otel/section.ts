/** The keys of `otel:`, RoadRunner's names, and `sampling_ratio`. */
import { type SectionConfig, secret, section } from '../../index.js'

const text = (description: string) => ({ type: 'string', default: '', description }) as const

/** The section. */
export const otelSection = section(
  {
    exporter: {
      type: 'string',
      enum: ['otlp', 'stdout', 'stderr', 'zipkin'],
      default: 'otlp',
      description: 'Where spans go: to a collector by OTLP or as Zipkin takes them, or as lines of JSON.',
    },
    client: {
      type: 'string',
      enum: ['http', 'grpc'],
      default: 'http',
      description: 'How OTLP is spoken. `grpc` is not supported yet.',
    },
    endpoint: text(
      'Address of the collector, `HOST:PORT` or a URL. Empty: what OTEL_EXPORTER_OTLP_ENDPOINT says, else `http://127.0.0.1:4318`.',
    ),
    custom_url: text('Path of the URL; empty: `/v1/traces`.'),
    insecure: {
      type: 'boolean',
      default: false,
      description: 'Speaks http with an endpoint that is not a URL; else https.',
    },
    compress: { type: 'boolean', default: false, description: 'Compresses what is sent (gzip).' },
    headers: {
      type: 'map',
      values: secret({ type: 'string' }),
      description: 'Headers of the requests to the collector.',
    },
    service_name: text('As `resource.service_name`, where older files of RoadRunner have it.'),
    service_version: text('As `resource.service_version`, where older files of RoadRunner have it.'),
    resource: {
      type: 'object',
      description:
        'Attributes of this server in all its spans. OTEL_RESOURCE_ATTRIBUTES may hold further ones.',
      properties: {
        service_name: text('Name of the service; empty: what OTEL_SERVICE_NAME says, else `RelayRunner`.'),
        service_version: text('Version of the service.'),
        service_namespace: text('Namespace of the service.'),
        service_instance_id: text('Id of this server; empty: a random one.'),
      },
    },
    sampling_ratio: {
      type: 'number',
      minimum: 0,
      maximum: 1,
      description:
        'Share of the traces that begin here and are recorded; others follow their parents. Not set: what OTEL_TRACES_SAMPLER says, else all.',
    },
  },
  'Traces by OpenTelemetry.',
  ({ client, exporter }) =>
    client === 'grpc' && exporter === 'otlp'
      ? [
          {
            key: 'client',
            what: 'OTLP over gRPC is not supported yet',
            hint: 'use `client: http`, which collectors serve at port 4318',
          },
        ]
      : [],
)

/** Validated value of the section. */
export type OtelSettings = SectionConfig<typeof otelSection>
