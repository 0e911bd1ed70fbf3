/** SAM and CloudFormation → setups: the functions of a template with their mappings and the queues behind them. */
import type { Entry, Tree } from '../schema/tree.js'
import { bootstrapFault } from './bootstrap-file.js'
import { entriesOf, memberOf, type Resource, type Template } from './intrinsics.js'
import { findQueue } from './queues.js'
import { Reader } from './reader.js'
import type { FunctionSetup, Gateway, Known, MappingSetup } from './setup.js'

/** A setup before our own file is read; `folder` is where the function's code lies, relative to the template. */
export interface FoundFunction {
  readonly setup: Omit<FunctionSetup, 'workers'>
  readonly folder: string | undefined
}

const restSeconds = 29
const httpSeconds = 30
const functionTypes: ReadonlySet<string> = new Set(['AWS::Serverless::Function', 'AWS::Lambda::Function'])

/** Reads every function of the template. Relative paths refer to `templateFolder`. */
export function readFunctions(template: Template, root: Tree, templateFolder: string): FoundFunction[] {
  const globals = memberOf(memberOf(root, 'Globals'), 'Function')
  return [...template.resources.values()]
    .filter(({ type }) => functionTypes.has(type))
    .map((resource) => readFunction(template, resource, globals, templateFolder))
}

function readFunction(
  template: Template,
  resource: Resource,
  globals: Tree | undefined,
  templateFolder: string,
): FoundFunction {
  const { id, type, entry } = resource
  const isSam = type === 'AWS::Serverless::Function'
  const properties = isSam ? merged(globals, resource.properties) : resource.properties
  const reader = new Reader(template, properties, entry.at)
  const folder = codeFolder(reader, isSam)
  const packageType = packageTypeOf(reader)
  const isBuilt = new Reader(template, memberOf(entry.value, 'Metadata'), entry.at).present(
    'BuildMethod',
  )?.value
  const isSeen = packageType?.value === 'Zip' && isBuilt !== true && reader.present('Layers')?.value === false
  const events = isSam ? [...entriesOf(reader.child('Events').tree)] : []
  return {
    folder,
    setup: {
      name: id,
      origin: 'template',
      at: entry.at,
      timeoutSeconds: reader.number('Timeout', 3),
      memoryMb: reader.number('MemorySize', 128),
      packageType,
      runtime: runtimeOf(reader),
      handler: reader.text('Handler', ''),
      bootstrapFault: isSeen ? bootstrapFault(templateFolder, folder, reader.at) : undefined,
      reservedConcurrency: reader.number('ReservedConcurrentExecutions', undefined),
      logFormat: reader.child('LoggingConfig').text('LogFormat', 'Text'),
      gateways: events.flatMap(([name, event]) => readGateway(template, name, event)),
      mappings: [
        ...events.flatMap(([name, event]) => readEvent(template, name, event)),
        ...readMappings(template, id),
      ],
    },
  }
}

/** SAM's Globals: maps are merged, lists appended, other values replaced. */
export function merged(globals: Tree | undefined, own: Tree | undefined): Tree | undefined {
  if (globals === undefined || own === undefined) return own ?? globals
  if (globals.kind === 'list' && own.kind === 'list')
    return { ...own, items: [...globals.items, ...own.items] }
  if (globals.kind !== 'map' || own.kind !== 'map') return own
  const entries = new Map(globals.entries)
  for (const [key, entry] of own.entries) {
    const value = merged(entries.get(key)?.value, entry.value) ?? entry.value
    entries.set(key, { at: entry.at, value })
  }
  return { ...own, entries }
}

function packageTypeOf(reader: Reader): Known<'Zip' | 'Image'> {
  const given = reader.text('PackageType', 'Zip')
  if (given === undefined) return undefined
  const isImage =
    given.value === 'Image' || (given.isDefault === true && reader.present('ImageUri')?.value === true)
  return { ...given, value: isImage ? 'Image' : 'Zip' }
}

function runtimeOf(reader: Reader): Known<string> {
  const given = reader.text('Runtime', '')
  return given?.value === '' ? undefined : given
}

/** A folder beside the template, when the code is one. */
function codeFolder(reader: Reader, isSam: boolean): string | undefined {
  const key = isSam ? 'CodeUri' : 'Code'
  const given = reader.text(key, '.')
  if (given === undefined || /^[a-z0-9]+:/i.test(given.value)) return undefined
  return isSam || given.isDefault !== true ? given.value : undefined
}

const eventKinds: Readonly<Record<string, MappingSetup['kind']>> = {
  SQS: 'sqs',
  Kinesis: 'kinesis',
  DynamoDB: 'dynamodb',
  MSK: 'kafka',
  SelfManagedKafka: 'kafka',
}

function readEvent(template: Template, name: string, event: Entry): MappingSetup[] {
  const kind = eventKinds[template.text(memberOf(event.value, 'Type')) ?? '']
  if (kind === undefined) return []
  const properties = new Reader(template, memberOf(event.value, 'Properties'), event.at)
  return readMapping(template, properties, { kind, name, source: 'Queue' })
}

function readGateway(template: Template, name: string, event: Entry): Gateway[] {
  const type = template.text(memberOf(event.value, 'Type'))
  if (type !== 'Api' && type !== 'HttpApi') return []
  const properties = new Reader(template, memberOf(event.value, 'Properties'), event.at)
  const limit = properties.number('TimeoutInMillis', (type === 'Api' ? restSeconds : httpSeconds) * 1000)
  return limit === undefined ? [] : [{ name, at: event.at, limitSeconds: limit.value / 1000 }]
}

/** Mappings that are resources of their own. */
function readMappings(template: Template, functionId: string): MappingSetup[] {
  return [...template.resources.values()]
    .filter(({ type, properties }) => {
      return type === 'AWS::Lambda::EventSourceMapping' && functionOf(template, properties) === functionId
    })
    .flatMap((resource) => {
      const properties = new Reader(template, resource.properties, resource.entry.at)
      const kind = kindOf(template, properties)
      return kind === undefined
        ? []
        : readMapping(template, properties, { kind, name: resource.id, source: 'EventSourceArn' })
    })
}

/** The function, also behind an alias or a version of it. */
function functionOf(template: Template, properties: Tree | undefined, depth = 0): string | undefined {
  const tree = memberOf(properties, 'FunctionName')
  const resolved = template.resolve(tree)
  if (resolved.kind === 'value' && resolved.tree.kind === 'scalar') {
    const text = String(resolved.tree.value)
    const [, inText] = /\$\{([A-Za-z0-9]+)\}/.exec(text) ?? []
    if (inText !== undefined) return inText
    const name = text.split(':function:').at(-1)?.split(':')[0]
    return [...template.resources.values()].find(
      (one) =>
        functionTypes.has(one.type) && template.text(memberOf(one.properties, 'FunctionName')) === name,
    )?.id
  }
  if (resolved.kind !== 'resource') return undefined
  const resource = template.resources.get(resolved.id)
  if (resource === undefined || functionTypes.has(resource.type) || depth > 2) return resolved.id
  return functionOf(template, resource.properties, depth + 1)
}

const resourceKinds: Readonly<Record<string, MappingSetup['kind']>> = {
  'AWS::SQS::Queue': 'sqs',
  'AWS::Kinesis::Stream': 'kinesis',
  'AWS::Kinesis::StreamConsumer': 'kinesis',
  'AWS::DynamoDB::Table': 'dynamodb',
  'AWS::DynamoDB::GlobalTable': 'dynamodb',
  'AWS::MSK::Cluster': 'kafka',
  'AWS::MSK::ServerlessCluster': 'kafka',
}
const arnKinds: readonly (readonly [pattern: RegExp, kind: MappingSetup['kind']])[] = [
  [/^arn:(?:\$\{[^}]*\}|[^:])*:sqs:/, 'sqs'],
  [/^arn:(?:\$\{[^}]*\}|[^:])*:kinesis:/, 'kinesis'],
  [/^arn:(?:\$\{[^}]*\}|[^:])*:dynamodb:/, 'dynamodb'],
  [/^arn:(?:\$\{[^}]*\}|[^:])*:kafka:/, 'kafka'],
]

/** Tells the kind of an event source by its ARN. */
export function kindOfArn(arn: string): MappingSetup['kind'] | undefined {
  return arnKinds.find(([pattern]) => pattern.test(arn))?.[1]
}

/**
 * Finds the kind of a mapping by its resource or ARN; by the properties that only some kinds have, when the ARN is not
 * known.
 */
function kindOf(template: Template, properties: Reader): MappingSetup['kind'] | undefined {
  if (properties.present('SelfManagedEventSource')?.value === true) return 'kafka'
  const source = properties.resolve('EventSourceArn')
  if (source.kind === 'resource') return resourceKinds[template.resources.get(source.id)?.type ?? '']
  if (source.kind === 'value' && source.tree.kind === 'scalar') return kindOfArn(String(source.tree.value))
  if (properties.present('StartingPosition')?.value === false) return 'sqs'
  return properties.present('Topics')?.value === true ? 'kafka' : undefined
}

interface MappingAbout {
  readonly kind: MappingSetup['kind']
  readonly name: string
  /** The property that names the queue. */
  readonly source: 'Queue' | 'EventSourceArn'
}

function readMapping(
  template: Template,
  properties: Reader,
  { kind, name, source }: MappingAbout,
): MappingSetup[] {
  if (properties.flag('Enabled', true)?.value === false) return []
  const isStream = kind === 'kinesis' || kind === 'dynamodb'
  return [
    {
      kind,
      name,
      at: properties.at,
      reportsFailures: properties.includes('FunctionResponseTypes', 'ReportBatchItemFailures'),
      batchSize: properties.number('BatchSize', kind === 'sqs' ? 10 : 100),
      windowSeconds: properties.number('MaximumBatchingWindowInSeconds', kind === 'kafka' ? 0.5 : 0),
      maximumConcurrency: properties.child('ScalingConfig').number('MaximumConcurrency', undefined),
      isProvisioned: properties.present('ProvisionedPollerConfig'),
      retriesMax: isStream ? properties.number('MaximumRetryAttempts', -1) : undefined,
      recordAgeSeconds: isStream ? properties.number('MaximumRecordAgeInSeconds', -1) : undefined,
      queue: kind === 'sqs' ? findQueue(template, properties.resolve(source)) : undefined,
    },
  ]
}
