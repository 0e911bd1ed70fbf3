/** serverless.yml → setups: `functions.*` with their sqs, stream and kafka events; queues are under `resources`. */
import { unreachable } from '../core/assert.js'
import type { Entry, Place, Tree } from '../schema/tree.js'
import { bootstrapFault } from './bootstrap-file.js'
import { type FoundFunction, kindOfArn, merged } from './from-template.js'
import { entriesOf, memberOf, Template } from './intrinsics.js'
import { findQueue } from './queues.js'
import { Reader } from './reader.js'
import type { Gateway, Known, MappingSetup } from './setup.js'

/** Defaults of the framework. */
const timeoutDefault = 6
const memoryDefault = 1024
const windowDefault = 0
const depthMax = 16

/** Reads every function of the file. */
export function readServerless(root: Tree, folder: string): FoundFunction[] {
  const tree = withVariables(root, root, 0)
  const template = new Template(resourcesOf(tree))
  const provider = memberOf(tree, 'provider')
  const isBuilt = memberOf(memberOf(tree, 'package'), 'artifact') !== undefined
  return [...entriesOf(mergedList(memberOf(tree, 'functions')))].map(([name, entry]) =>
    readFunction(template, { name, entry, provider, folder, isBuilt }),
  )
}

interface FunctionAbout {
  readonly name: string
  readonly entry: Entry
  readonly provider: Tree | undefined
  readonly folder: string
  /** True when the deployed package is built elsewhere. */
  readonly isBuilt: boolean
}

function readFunction(
  template: Template,
  { name, entry, provider, folder, isBuilt }: FunctionAbout,
): FoundFunction {
  const own = new Reader(template, entry.value, entry.at)
  const both = new Reader(template, merged(inherited(provider), entry.value), entry.at)
  const isImage = own.present('image')?.value === true
  const isSeen =
    !isBuilt && !isImage && own.present('package')?.value === false && both.present('layers')?.value === false
  const runtime = both.text('runtime', '')
  const events = eventsOf(own)
  return {
    folder: '.',
    setup: {
      name,
      origin: 'serverless',
      at: entry.at,
      timeoutSeconds: both.number('timeout', timeoutDefault),
      memoryMb: both.number('memorySize', memoryDefault),
      packageType: { value: isImage ? 'Image' : 'Zip', at: entry.at },
      runtime: runtime?.value === '' ? undefined : runtime,
      handler: own.text('handler', ''),
      bootstrapFault: isSeen ? bootstrapFault(folder, '.', entry.at) : undefined,
      reservedConcurrency: own.number('reservedConcurrency', undefined),
      logFormat: both.child('logs').child('lambda').text('logFormat', 'Text'),
      gateways: events.flatMap(({ key, at }) => gatewayOf(key, at)),
      mappings: events.flatMap((event) => mappingOf(template, event)),
    },
  }
}

/** The keys of `provider` that functions inherit. */
function inherited(provider: Tree | undefined): Tree | undefined {
  if (provider?.kind !== 'map') return undefined
  const keys = ['timeout', 'memorySize', 'runtime', 'logs', 'layers']
  return { ...provider, entries: new Map([...provider.entries].filter(([key]) => keys.includes(key))) }
}

interface ServerlessEvent {
  readonly key: string
  readonly at: Place
  readonly value: Tree
}

function eventsOf(own: Reader): ServerlessEvent[] {
  const list = memberOf(own.tree, 'events')
  if (list?.kind !== 'list') return []
  return list.items.flatMap((item): ServerlessEvent[] => {
    if (item.kind === 'scalar') return [{ key: String(item.value), at: item.at, value: item }]
    return [...entriesOf(item)].map(([key, { at, value }]) => ({ key, at, value }))
  })
}

function gatewayOf(key: string, at: Place): Gateway[] {
  if (key === 'http') return [{ name: 'http', at, limitSeconds: 29 }]
  return key === 'httpApi' ? [{ name: 'httpApi', at, limitSeconds: 30 }] : []
}

function mappingOf(template: Template, { key, at, value }: ServerlessEvent): MappingSetup[] {
  const properties = new Reader(template, isDetailed(value) ? value : undefined, at)
  if (properties.flag('enabled', true)?.value === false) return []
  const arn = template.resolve(isDetailed(value) ? memberOf(value, 'arn') : value)
  switch (key) {
    case 'sqs': {
      const queue = findQueue(template, arn)
      const name = `the sqs event of ${queue?.name ?? 'a queue'}`
      const maximumConcurrency = properties.number('maximumConcurrency', undefined)
      const windowSeconds = properties.number('maximumBatchingWindow', windowDefault)
      return [
        { ...shared(properties, { kind: 'sqs', name, size: 10 }), queue, maximumConcurrency, windowSeconds },
      ]
    }
    case 'stream': {
      const kind = streamKind(properties, arn.kind === 'value' ? arn.tree : undefined)
      if (kind === undefined) return []
      return [
        {
          ...shared(properties, { kind, name: `the stream event (${kind})`, size: 100 }),
          windowSeconds: properties.number('batchWindow', windowDefault),
          retriesMax: properties.number('maximumRetryAttempts', -1),
          recordAgeSeconds: properties.number('maximumRecordAgeInSeconds', -1),
        },
      ]
    }
    case 'kafka':
    case 'msk': {
      const windowSeconds = properties.number('maximumBatchingWindow', 0.5)
      const isProvisioned: Known<boolean> = properties.present('provisionedPollerConfig')
      const name = `the ${key} event`
      return [{ ...shared(properties, { kind: 'kafka', name, size: 100 }), windowSeconds, isProvisioned }]
    }
    default:
      return []
  }
}

function shared(
  properties: Reader,
  { kind, name, size }: { readonly kind: MappingSetup['kind']; readonly name: string; readonly size: number },
): MappingSetup {
  return {
    kind,
    name,
    at: properties.at,
    reportsFailures: properties.includes('functionResponseType', 'ReportBatchItemFailures'),
    batchSize: properties.number('batchSize', size),
  }
}

/** False for the short form `- sqs: ARN`, true for `- sqs: { arn: … }`. */
function isDetailed(value: Tree): boolean {
  return value.kind === 'map' && value.entries.has('arn')
}

function streamKind(properties: Reader, arn: Tree | undefined): 'kinesis' | 'dynamodb' | undefined {
  const type = properties.text('type', '')?.value
  if (type === 'kinesis' || type === 'dynamodb') return type
  const kind = arn?.kind === 'scalar' ? kindOfArn(String(arn.value)) : undefined
  return kind === 'kinesis' || kind === 'dynamodb' ? kind : undefined
}

/** `resources` is a CloudFormation template, or a list of them. */
function resourcesOf(tree: Tree): Tree {
  return mergedList(memberOf(tree, 'resources')) ?? tree
}

function mergedList(tree: Tree | undefined): Tree | undefined {
  if (tree?.kind !== 'list') return tree
  return tree.items.reduce<Tree | undefined>((whole, item) => merged(whole, item), undefined)
}

/** Replaces `${self:custom.timeout}` by its value in the file; variables from elsewhere stay, and are not known. */
function withVariables(tree: Tree, root: Tree, depth: number): Tree {
  if (depth > depthMax) return tree
  switch (tree.kind) {
    case 'list':
      return { ...tree, items: tree.items.map((item) => withVariables(item, root, depth)) }
    case 'map': {
      const entries = [...tree.entries].map(([key, { at, value }]): [string, Entry] => [
        key,
        { at, value: withVariables(value, root, depth) },
      ])
      return { ...tree, entries: new Map(entries) }
    }
    case 'scalar': {
      if (typeof tree.value !== 'string' || !tree.value.includes('${')) return tree
      const [, path, fallback] = /^\$\{self:([\w.]+)(?:,\s*([^${}]+))?\}$/.exec(tree.value) ?? []
      if (path !== undefined) return wholeVariable(tree, { path, fallback, root, depth })
      const value = tree.value.replace(/\$\{self:([\w.]+)\}/g, (whole, inner: string) => {
        const found = at(root, inner)
        return found?.kind === 'scalar' && found.value !== null ? String(found.value) : whole
      })
      return { ...tree, value }
    }
    default:
      return unreachable(tree)
  }
}

interface VariableAbout {
  readonly path: string
  readonly fallback: string | undefined
  readonly root: Tree
  readonly depth: number
}

function wholeVariable(
  tree: Tree & { kind: 'scalar' },
  { path, fallback, root, depth }: VariableAbout,
): Tree {
  const found = at(root, path)
  // Findings name the place where the variable is used.
  if (found !== undefined) return withVariables({ ...found, at: tree.at }, root, depth + 1)
  return fallback === undefined ? tree : { ...tree, value: fallback.trim().replace(/^(['"])(.*)\1$/, '$2') }
}

function at(root: Tree, path: string): Tree | undefined {
  return path.split('.').reduce<Tree | undefined>((tree, key) => memberOf(tree, key), root)
}
