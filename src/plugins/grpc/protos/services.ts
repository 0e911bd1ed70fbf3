/** Reads the services and methods of .proto files. Messages pass through as bytes, so nothing else of the files is of interest. */
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { ErrorCode, type Logger, messageOf, RelayError } from '../../../index.js'
import { loadClient } from '../../../work/queues/client-package.js'
import { matchingFiles } from './glob.js'

/** Name of the service that the server answers itself. */
export const healthService = 'grpc.health.v1.Health'

/** Methods of services. */
export interface Methods {
  /** Full names. */
  readonly services: ReadonlySet<string>
  /** Kind of the method of a path `/package.Service/Method`; undefined when no file declares it. */
  kindOf(path: string): 'unary' | 'stream' | undefined
}

/** A file, as far as it is read. */
interface ProtoFile {
  readonly imports: readonly string[]
  readonly methods: readonly { readonly service: string; readonly name: string; readonly isStream: boolean }[]
}

type Parse = (text: string) => ProtoFile

const filesMax = 10_000

/**
 * Reads files, patterns of files and what they import, which is searched beside the first file and in the working folder. Rejects with
 * RR_CONFIG_INVALID for a file that cannot be read, and with RR_DRIVER_PACKAGE without the package that parses them.
 */
export async function readMethods(patterns: readonly string[], log: Logger): Promise<Methods> {
  const parse = await loadClient({
    packages: ['protobufjs'],
    driver: 'grpc',
    kind: 'plugin',
    load: loadParser,
  })
  const kinds = new Map<string, 'unary' | 'stream'>()
  const services = new Set<string>()
  for (const { methods } of await readAll(patterns, parse)) {
    for (const { service, name, isStream } of methods) {
      if (service === healthService) continue
      services.add(service)
      kinds.set(`/${service}/${name}`, isStream ? 'stream' : 'unary')
    }
  }
  if (kinds.size === 0)
    throw new RelayError(ErrorCode.ConfigInvalid, `no service is declared in ${patterns.join(', ')}`, {
      hint: 'Name the files that have `service` in them under `grpc.proto`.',
    })
  const streams = [...kinds].filter(([, kind]) => kind === 'stream').map(([path]) => path)
  if (streams.length > 0)
    log.warn(
      { methods: streams.slice(0, 20), count: streams.length },
      'methods that stream are answered with UNIMPLEMENTED: workers answer unary calls only',
    )
  return { services, kindOf: (path) => kinds.get(path) }
}

async function readAll(patterns: readonly string[], parse: Parse): Promise<readonly ProtoFile[]> {
  const read = new Map<string, ProtoFile>()
  const visit = async (path: string, root: string): Promise<void> => {
    if (read.has(path)) return
    if (read.size >= filesMax) throw invalid(`more than ${filesMax} files are named or imported`)
    const file = parsed(path, await text(path), parse)
    read.set(path, file)
    for (const name of file.imports) {
      const found = await firstOf([join(root, name), name])
      // Google's own and others that a compiler brings along have messages only, as a rule.
      if (found !== undefined) await visit(found, root)
    }
  }
  for (const pattern of patterns)
    for (const path of await matchingFiles(pattern)) await visit(join(path), dirname(path))
  return [...read.values()]
}

async function text(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    throw invalid(`${path} cannot be read: ${messageOf(cause)}`, cause)
  }
}

async function firstOf(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) {
    const isThere = await readFile(path).then(
      () => true,
      () => false,
    )
    if (isThere) return join(path)
  }
  return undefined
}

function parsed(path: string, source: string, parse: Parse): ProtoFile {
  try {
    return parse(source)
  } catch (cause) {
    throw invalid(`${path} is not a .proto file: ${messageOf(cause)}`, cause)
  }
}

function invalid(what: string, cause?: unknown): RelayError {
  return new RelayError(ErrorCode.ConfigInvalid, `grpc.proto: ${what}`, {
    hint: 'Paths are relative to the working folder of the server.',
    ...(cause === undefined ? {} : { cause }),
  })
}

/** The home of the package. */
async function loadParser(): Promise<Parse> {
  const { parse, Root, Service, Namespace } = (await import('protobufjs')).default
  return (source) => {
    const root = new Root()
    const { imports = [] } = parse(source, root)
    const methods: { service: string; name: string; isStream: boolean }[] = []
    const walk = (space: InstanceType<typeof Namespace>) => {
      for (const one of space.nestedArray) {
        if (one instanceof Service)
          for (const { name, requestStream, responseStream } of one.methodsArray)
            methods.push({
              service: one.fullName.replace(/^\./, ''),
              name,
              isStream: requestStream === true || responseStream === true,
            })
        if (one instanceof Namespace) walk(one)
      }
    }
    walk(root)
    return { imports, methods }
  }
}
