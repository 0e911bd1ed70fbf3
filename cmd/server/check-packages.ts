/** Finds client packages that a configuration needs and that are not installed. Looks for them without loading them. */
import { createRequire } from 'node:module'
import {
  childOf,
  type Entry,
  type Place,
  type Problem,
  scalarText,
  type Tree,
} from '../../src/schema/tree.js'
import type { StartPlan } from './plan.js'

/** A part of the configuration that needs packages, with its place. */
interface Need {
  readonly what: string
  readonly packages: readonly string[]
  readonly at: Place
}

type Sections = ReadonlyMap<string, Entry>

/** Lists each missing client once for each place that needs it. `from` is a file whose imports would load them. */
export function packageProblems(
  { entries, active }: Pick<StartPlan, 'entries' | 'active'>,
  from: string = import.meta.filename,
): readonly Problem[] {
  const isActive = new Set(active.map(({ name }) => name))
  const sections = new Map([...entries].filter(([name]) => isActive.has(name)))
  const { resolve } = createRequire(from)
  return needsOf(sections).flatMap(({ what, packages, at }): readonly Problem[] => {
    const missing = packages.filter((name) => !isInstalled(name, resolve))
    if (missing.length === 0) return []
    const verb = missing.length > 1 ? 'are' : 'is'
    return [
      {
        severity: 'error',
        at,
        what: `${what} needs ${missing.join(' and ')}, which ${verb} not installed`,
        hint: `Run \`npm install ${missing.join(' ')}\` beside relayrunner.`,
      },
    ]
  })
}

function isInstalled(name: string, resolve: (name: string) => string): boolean {
  try {
    resolve(name)
    return true
  } catch (error) {
    // A package that is there may have nothing for `require`.
    return !(error instanceof Error && 'code' in error && error.code === 'MODULE_NOT_FOUND')
  }
}

function needsOf(sections: Sections): readonly Need[] {
  return [
    ...named(childOf(sections.get('jobs')?.value, 'pipelines'), driverPackages),
    ...named(sections.get('kv')?.value, storagePackages),
    ...lock(sections.get('lock')),
    ...otel(sections.get('otel')),
    ...lambda(sections.get('lambda')),
    ...emulator(sections.get('emulator')),
    ...grpc(sections.get('grpc')),
  ]
}

type Packages = (config: Tree | undefined) => readonly string[]

const driverPackages: Readonly<Record<string, Packages>> = {
  amqp: () => ['amqplib'],
  kafka: () => ['@platformatic/kafka'],
  'laravel-database': (config) => [/^(mysql|mariadb):/.test(textAt(config, 'url')) ? 'mysql2' : 'pg'],
  'laravel-redis': () => ['ioredis'],
  nats: () => ['@nats-io/transport-node', '@nats-io/jetstream'],
  postgres: () => ['pg'],
  redis: () => ['ioredis'],
  sqs: () => ['@aws-sdk/client-sqs'],
}

const storagePackages: Readonly<Record<string, Packages>> = { redis: () => ['ioredis'] }

/** The needs of pipelines or storages by their drivers. */
function named(map: Tree | undefined, known: Readonly<Record<string, Packages>>): readonly Need[] {
  const all = map?.kind === 'map' ? [...map.entries.values()] : []
  return all.flatMap(({ value, at }) => {
    const driver = childOf(value, 'driver')
    const name = scalarText(driver)
    const packages = Object.hasOwn(known, name) ? known[name]?.(childOf(value, 'config')) : undefined
    return packages === undefined ? [] : [{ what: `the driver "${name}"`, packages, at: driver?.at ?? at }]
  })
}

function lock(section: Entry | undefined): readonly Need[] {
  const driver = childOf(section?.value, 'driver')
  return driver !== undefined && scalarText(driver) === 'redis'
    ? [{ what: '`lock.driver: redis`', packages: ['ioredis'], at: driver.at }]
    : []
}

const exporters: Readonly<Record<string, readonly string[]>> = {
  otlp: ['exporter-trace-otlp-proto'],
  zipkin: ['exporter-zipkin'],
}

function otel(section: Entry | undefined): readonly Need[] {
  if (section === undefined) return []
  const exporter = textAt(section.value, 'exporter') || 'otlp'
  const names = ['api', 'core', 'resources', 'sdk-trace-base', ...(exporters[exporter] ?? [])]
  const packages = names.map((name) => `@opentelemetry/${name}`)
  return [{ what: 'the section "otel"', packages, at: section.at }]
}

/** Queues of SQS that `lambda` and `emulator` name. */
const sqs = ['@aws-sdk/client-sqs']

function lambda(section: Entry | undefined): readonly Need[] {
  const [failed, retry] = [childOf(section?.value, 'failed'), childOf(section?.value, 'retry')]
  return [
    ...(failed !== undefined && /^https?:/.test(scalarText(failed))
      ? [{ what: '`lambda.failed`', packages: sqs, at: failed.at }]
      : []),
    ...(retry !== undefined && scalarText(retry) === 'visibility'
      ? [{ what: '`lambda.retry: visibility`', packages: sqs, at: retry.at }]
      : []),
  ]
}

function emulator(section: Entry | undefined): readonly Need[] {
  const queue = childOf(childOf(section?.value, 'sqs'), 'queue')
  return queue !== undefined && /^https?:/.test(scalarText(queue))
    ? [{ what: '`emulator.sqs.queue`', packages: sqs, at: queue.at }]
    : []
}

function grpc(section: Entry | undefined): readonly Need[] {
  return section === undefined
    ? []
    : [{ what: 'the plugin "grpc"', packages: ['protobufjs'], at: section.at }]
}

function textAt(tree: Tree | undefined, key: string): string {
  return scalarText(childOf(tree, key))
}
