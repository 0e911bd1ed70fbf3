/** OpenTelemetry's packages, which are optional: loaded when the section is there. Their home. */
import { ErrorCode, messageOf, RelayError } from '../../index.js'

/** The packages that all exporters need, loaded. */
export interface OtelPackages {
  readonly api: typeof import('@opentelemetry/api')
  readonly core: typeof import('@opentelemetry/core')
  readonly resources: typeof import('@opentelemetry/resources')
  readonly sdk: typeof import('@opentelemetry/sdk-trace-base')
}

const base = ['api', 'core@2', 'resources@2', 'sdk-trace-base@2']

/** Loads the packages; rejects with RR_DRIVER_PACKAGE and the line that installs them. */
export async function loadOtel(): Promise<OtelPackages> {
  return load('exporter-trace-otlp-proto@0.223', async () => {
    const [api, core, resources, sdk] = await Promise.all([
      import('@opentelemetry/api'),
      import('@opentelemetry/core'),
      import('@opentelemetry/resources'),
      import('@opentelemetry/sdk-trace-base'),
    ])
    return { api, core, resources, sdk }
  })
}

/** Loads the exporter of OTLP over HTTP. */
export function loadOtlp(): Promise<typeof import('@opentelemetry/exporter-trace-otlp-proto')> {
  return load('exporter-trace-otlp-proto@0.223', () => import('@opentelemetry/exporter-trace-otlp-proto'))
}

/** Loads the exporter of Zipkin. */
export function loadZipkin(): Promise<typeof import('@opentelemetry/exporter-zipkin')> {
  return load('exporter-zipkin@2', () => import('@opentelemetry/exporter-zipkin'))
}

async function load<T>(exporter: string, importAll: () => Promise<T>): Promise<T> {
  try {
    return await importAll()
  } catch (cause) {
    const packages = [...base, exporter].map((name) => `@opentelemetry/${name}`)
    const what = `the section "otel" needs packages of OpenTelemetry that cannot be loaded: ${messageOf(cause)}`
    throw new RelayError(ErrorCode.DriverPackage, what, {
      hint: `Run \`npm install ${packages.join(' ')}\` beside relayrunner.`,
      cause,
    })
  }
}
