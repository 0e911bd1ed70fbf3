/** Text → `Tree`, with the place of every value. The home of the package `yaml`, which is loaded on the first call. */
import type { Node } from 'yaml'
import type { Entry, Place, Problem, Tree } from '../../src/schema/tree.js'
import { expandScalar } from './expand.js'
import { yamlFaults } from './yaml-faults.js'

/** A parsed file and what is wrong with it. */
export interface ParsedFile {
  readonly tree: Tree
  readonly problems: readonly Problem[]
}

/** Options of parsing. */
export interface ParseOptions {
  /** Name of the file in places. */
  readonly file: string
  /** Variables for the scalars; without them `${…}` stays as it was written. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Makes a value of one with a tag of its own, such as `!Ref`; without it such tags are passed over. */
  readonly tagged?: (tag: string, value: Tree) => Tree
  /** Takes a key that is written twice by its last value, instead of as a fault. */
  readonly mayRepeatKeys?: boolean
  readonly aliasesMax?: number
}

// Aliases can make a small file huge: ten are more than any configuration needs.
const aliasesMaxDefault = 10
const depthMax = 40

/** Parses YAML (or JSON, which is YAML) and expands variables in its scalars, after parsing: a value cannot add keys. */
export async function parseYaml(text: string, options: ParseOptions): Promise<ParsedFile> {
  const yaml = await import('yaml')
  const { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument } = yaml
  const lines = new LineCounter()
  const document = parseDocument(text, {
    lineCounter: lines,
    uniqueKeys: options.mayRepeatKeys !== true,
    prettyErrors: false,
    logLevel: 'silent',
  })
  const { aliasesMax = aliasesMaxDefault } = options
  const problems: Problem[] = []
  const place = (offset: number): Place => {
    const { line, col } = lines.linePos(offset)
    return { file: options.file, line: Math.max(1, line), column: Math.max(1, col) }
  }
  problems.push(...yamlFaults({ text, document, place, yaml }))
  let aliases = 0

  const scalar = (node: Node & { value: unknown; type?: string | undefined }, at: Place): Tree => {
    const isQuoted = node.type !== 'PLAIN' && node.type !== undefined
    const { value } = node
    if (typeof value === 'string' && options.env !== undefined) {
      const expanded = expandScalar(value, options.env, at)
      problems.push(...expanded.problems)
      return { kind: 'scalar', value: expanded.value, isQuoted, at }
    }
    const isKnown = typeof value === 'number' || typeof value === 'boolean' || value === null
    return { kind: 'scalar', value: isKnown ? value : String(value), isQuoted, at }
  }

  const convert = (node: unknown, at: Place, depth: number): Tree => {
    const tree = convertUntagged(node, at, depth)
    const tag = options.tagged === undefined ? undefined : tagOf(node)
    return tag === undefined || options.tagged === undefined ? tree : options.tagged(tag, tree)
  }

  const convertUntagged = (node: unknown, at: Place, depth: number): Tree => {
    const start = hasRange(node) ? place(node.range[0]) : at
    if (depth > depthMax) {
      problems.push({ severity: 'error', at: start, what: `nested deeper than ${depthMax} levels` })
      return { kind: 'scalar', value: null, isQuoted: false, at: start }
    }
    if (isAlias(node)) {
      aliases += 1
      if (aliases > aliasesMax) {
        problems.push({ severity: 'error', at: start, what: `more than ${aliasesMax} aliases` })
        return { kind: 'scalar', value: null, isQuoted: false, at: start }
      }
      return convert(node.resolve(document), start, depth + 1)
    }
    if (isMap(node)) {
      const entries = new Map<string, Entry>()
      for (const pair of node.items) {
        const keyAt = hasRange(pair.key) ? place(pair.key.range[0]) : start
        const key = isScalar(pair.key) ? String(pair.key.value) : String(pair.key)
        entries.set(key, { at: keyAt, value: convert(pair.value, keyAt, depth + 1) })
      }
      return { kind: 'map', entries, at: start }
    }
    if (isSeq(node))
      return { kind: 'list', items: node.items.map((item) => convert(item, start, depth + 1)), at: start }
    if (isScalar(node)) return scalar(node, start)
    return { kind: 'scalar', value: null, isQuoted: false, at: start }
  }
  const top = { file: options.file, line: 1, column: 1 }
  const tree = problems.length > 0 ? emptyMap(top) : convert(document.contents, top, 0)
  return { tree, problems }
}

/** Writes a value as YAML, long texts on one line. */
export async function printYaml(value: object): Promise<string> {
  const { stringify } = await import('yaml')
  return stringify(value, { lineWidth: 0 })
}

/** A map without keys. */
export function emptyMap(at: Place): Tree {
  return { kind: 'map', entries: new Map(), at }
}

function hasRange(node: unknown): node is { range: [number, number, number] } {
  return typeof node === 'object' && node !== null && 'range' in node && Array.isArray(node.range)
}

/** A tag that the file gives itself; those of YAML's own types are long. */
function tagOf(node: unknown): string | undefined {
  const isTagged = typeof node === 'object' && node !== null && 'tag' in node
  return isTagged && typeof node.tag === 'string' && node.tag.startsWith('!') ? node.tag : undefined
}
