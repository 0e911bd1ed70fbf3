/** File, includes and `-o` → one tree with places. `validate.ts` interprets the keys. */
import { dirname, relative, resolve } from 'node:path'
import { ErrorCode, hasCode, messageOf } from '../src/core/errors.js'
import type { Entry, Place, Problem, Tree } from '../src/schema/tree.js'
import { type compiledTree, unpackTree } from './compiled.js'
import type { EnvironmentVariables } from './env.js'
import { isRoadRunnerFile, readConfig } from './find.js'
import { isModuleFile, readModule } from './module.js'
import { emptyMap, parseYaml } from './yaml/yaml.js'

/** A plugin that the file lists, with the folder that its path counts from. */
interface ListedPlugin {
  readonly specifier: string
  readonly folder: string
  readonly at: Place
}

/** The configuration as it was written. */
export interface Loaded {
  readonly file: string | undefined
  /** All files that were read. */
  readonly files: readonly string[]
  /** Top-level keys, those of `include` and `-o` merged in. */
  readonly entries: ReadonlyMap<string, Entry>
  readonly plugins: readonly ListedPlugin[]
  readonly problems: readonly Problem[]
}

/** Options of a load. */
export interface LoadOptions {
  /** Undefined: no file, `entries` come from `zero`. */
  readonly file: string | undefined
  /** Folder that file names in places are relative to, for files below it. */
  readonly cwd: string
  readonly env: EnvironmentVariables
  /** `-o key.path=value`, in order. */
  readonly overrides: readonly string[]
  /** The tree without a file. */
  readonly zero?: Tree
  /** Files that were parsed before; one that it does not know is read. */
  readonly compiled?: ((text: string) => ReturnType<typeof compiledTree>) | undefined
}

const includesMax = 32

/** Reads everything; problems are collected, only an unreadable root file throws (RR_CONFIG_NOT_FOUND). */
export async function loadConfig(options: LoadOptions): Promise<Loaded> {
  const loader = new Loader(options)
  const tree =
    options.file === undefined ? (options.zero ?? emptyMap(noPlace)) : await loader.readFile(options.file, [])
  const entries = new Map(tree.kind === 'map' ? tree.entries : [])
  if (tree.kind !== 'map' && !(tree.kind === 'scalar' && tree.value === null)) {
    loader.problems.push({
      severity: 'error',
      at: tree.at,
      what: 'the file is not a map of sections',
      expected: 'key: value',
    })
  }
  for (const override of options.overrides) await loader.override(entries, override)
  loader.checkVersion(entries, options.file)
  return {
    file: options.file,
    files: loader.files,
    entries,
    plugins: loader.plugins(entries),
    problems: loader.problems,
  }
}

const noPlace: Place = { file: '(no file)', line: 1, column: 1 }

class Loader {
  readonly problems: Problem[] = []
  readonly files: string[] = []
  readonly #options: LoadOptions
  /** The real file behind a place's name: paths in a file count from its folder. */
  readonly #folders = new Map<string, string>()

  constructor(options: LoadOptions) {
    this.#options = options
  }

  async readFile(file: string, chain: readonly string[]): Promise<Tree> {
    const name = this.#nameOf(file)
    this.#folders.set(name, dirname(file))
    this.files.push(file)
    const parsed = isModuleFile(file) ? await readModule(file, name) : await this.#readYaml(file, name)
    this.problems.push(...parsed.problems)
    return parsed.tree.kind === 'map' ? this.#include(parsed.tree, file, [...chain, file]) : parsed.tree
  }

  async #readYaml(file: string, name: string) {
    const { env, compiled } = this.#options
    const text = readConfig(file)
    const packed = compiled?.(text)
    return packed === undefined
      ? parseYaml(text, { file: name, env })
      : unpackTree(packed, { file: name, env })
  }

  async #include(tree: Tree & { kind: 'map' }, file: string, chain: readonly string[]): Promise<Tree> {
    const include = tree.entries.get('include')
    if (include === undefined) return tree
    const items = include.value.kind === 'list' ? include.value.items : [include.value]
    const entries = new Map(tree.entries)
    for (const item of items) {
      if (item.kind !== 'scalar' || typeof item.value !== 'string') {
        this.#fail(item.at, 'an include that is not a path', 'a file name')
        continue
      }
      const target = resolve(dirname(file), item.value)
      if (chain.includes(target)) this.#fail(item.at, `${item.value} includes itself`)
      else if (this.files.length > includesMax) this.#fail(item.at, `more than ${includesMax} included files`)
      else {
        const included = await this.#tryRead(target, chain, item.at)
        // As in RoadRunner, a key of an included file replaces the whole top-level key of the one that includes it.
        if (included?.kind === 'map')
          for (const [key, entry] of included.entries) if (key !== 'version') entries.set(key, entry)
      }
    }
    return { ...tree, entries }
  }

  async #tryRead(file: string, chain: readonly string[], at: Place): Promise<Tree | undefined> {
    try {
      return await this.readFile(file, chain)
    } catch (error) {
      if (!hasCode(error, ErrorCode.ConfigNotFound)) throw error
      this.#fail(at, messageOf(error))
      return undefined
    }
  }

  async override(entries: Map<string, Entry>, text: string): Promise<void> {
    const equals = text.indexOf('=')
    const path = text.slice(0, Math.max(0, equals)).trim()
    const at = { file: `-o ${path === '' ? text : path}`, line: 1, column: 1 }
    if (path === '' || path.split('.').includes('')) {
      this.#fail(at, `the override "${text}"`, 'key.path=value')
      return
    }
    const parsed = await parseYaml(text.slice(equals + 1), { file: at.file, env: this.#options.env })
    this.problems.push(...parsed.problems)
    if (parsed.problems.length === 0 || parsed.tree.kind !== 'map')
      setPath(entries, path.split('.'), parsed.tree, at)
  }

  checkVersion(entries: ReadonlyMap<string, Entry>, file: string | undefined): void {
    if (file === undefined || this.problems.some((problem) => problem.severity === 'error')) return
    // RoadRunner reads a file of any version, and many of its files have none.
    const isTheirs = isRoadRunnerFile(file)
    const entry = entries.get('version')
    if (entry === undefined) {
      const at = { file: this.#nameOf(file), line: 1, column: 1 }
      if (isTheirs) this.#warn(at, 'the file has no version; it is read as "3"')
      else this.#fail(at, 'the file has no version', 'version: "3"')
      return
    }
    const { value } = entry
    const text = value.kind === 'scalar' ? String(value.value) : ''
    if (text === '3') return
    if (isTheirs || /^2\./.test(text)) {
      this.#warn(value.at, `version "${text}" is from an older RoadRunner; it is read as "3"`)
    } else this.#fail(value.at, `version ${JSON.stringify(text)}`, '"3"')
  }

  plugins(entries: ReadonlyMap<string, Entry>): ListedPlugin[] {
    const value = entries.get('plugins')?.value
    if (value === undefined || (value.kind === 'scalar' && value.value === null)) return []
    const items = value.kind === 'list' ? value.items : [value]
    return items.flatMap((item) => {
      if (item.kind === 'scalar' && typeof item.value === 'string' && item.value !== '') {
        const folder = this.#folders.get(item.at.file) ?? this.#options.cwd
        return [{ specifier: item.value, folder, at: item.at }]
      }
      this.#fail(item.at, 'a plugin that is not a text', 'an npm name, or a path that begins with ./')
      return []
    })
  }

  #nameOf(file: string): string {
    const below = relative(this.#options.cwd, file)
    return below.startsWith('..') ? file : below
  }

  #warn(at: Place, what: string): void {
    this.problems.push({ severity: 'warning', at, what })
  }

  #fail(at: Place, what: string, expected?: string): void {
    this.problems.push({ severity: 'error', at, what, ...(expected === undefined ? {} : { expected }) })
  }
}

function setPath(entries: Map<string, Entry>, path: readonly string[], value: Tree, at: Place): void {
  const [key = '', ...rest] = path
  if (rest.length === 0) {
    entries.set(key, { at, value: { ...value, at } })
    return
  }
  const old = entries.get(key)
  const below = new Map(old?.value.kind === 'map' ? old.value.entries : [])
  setPath(below, rest, value, at)
  entries.set(key, { at: old?.at ?? at, value: { kind: 'map', entries: below, at: old?.value.at ?? at } })
}
