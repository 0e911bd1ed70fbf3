import assert from 'node:assert/strict'
import { test } from 'node:test'
import { urlOf } from '../../../src/plugins/otel/exporters.js'
import { readXRay } from '../../../src/plugins/otel/x-ray.js'

const nothing = { exporter: 'otlp', endpoint: '', custom_url: '', insecure: false } as const

const urls: readonly (readonly [settings: object, env: Record<string, string>, url: string])[] = [
  [{}, {}, 'http://127.0.0.1:4318/v1/traces'],
  [{}, { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://a:1/' }, 'http://a:1/v1/traces'],
  [{}, { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://a:1/x' }, 'http://a:1/x'],
  [{ endpoint: 'a:1' }, { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://b:1' }, 'https://a:1/v1/traces'],
  [{ endpoint: 'a:1', insecure: true, custom_url: 'own' }, {}, 'http://a:1/own'],
  [{ endpoint: 'http://a:1/v1/traces' }, {}, 'http://a:1/v1/traces'],
  [{ exporter: 'zipkin' }, {}, 'http://127.0.0.1:9411/api/v2/spans'],
  [{ exporter: 'zipkin', endpoint: 'http://a:1/x' }, {}, 'http://a:1/x'],
]

test('the collector’s URL follows the section, then the variables of OpenTelemetry', () => {
  for (const [settings, env, url] of urls) assert.equal(urlOf({ ...nothing, ...settings }, env), url)
})

test('X-Ray’s header counts when it is sampled and whole', () => {
  const root = 'Root=1-5759e988-bd862e3fe1be46a994272793'
  const span = { traceId: '5759e988bd862e3fe1be46a994272793', spanId: '53995c3f42cd8ad8' }
  assert.deepEqual(readXRay(`${root};Parent=53995c3f42cd8ad8;Sampled=1`), span)
  assert.deepEqual(readXRay(`Sampled=1; Parent=53995c3f42cd8ad8; ${root};Lineage=a:0`), span)
  for (const other of [`${root};Parent=53995c3f42cd8ad8;Sampled=0`, `${root};Sampled=1`, 'Sampled=1', ''])
    assert.equal(readXRay(other), undefined)
})
