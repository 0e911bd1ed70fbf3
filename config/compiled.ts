/**
 * Files of the configuration as JSON, which `rr compile` makes for `rr bootstrap`: reading YAML takes longer than all else that a start
 * does with them. A file is recognised by its text, so one that was changed since is read as ever. Variables are replaced at the start,
 * so no value of the build's environment is in it.
 */
import type { Entry, Place, Problem, Tree } from '../src/schema/tree.js'
import { type EarlyPlan, earlyPlan } from './early.js'
import { expandScalar } from './yaml/expand.js'
import { parseYaml } from './yaml/yaml.js'

/** Content of `config.json`. */
export interface CompiledConfig {
  /** Version of the package that made it. */
  readonly version: string
  readonly files: readonly CompiledFile[]
  /** Start of the first workers, where the one file decides it. */
  readonly early?: EarlyPlan | undefined
  /** Sections that were valid and hold no variable: their constraints need no second look. */
  readonly valid: readonly string[]
}

/** One file. */
interface CompiledFile {
  readonly text: string
  readonly tree: PackedTree
}

/** Kind, value or members, whether it was quoted, line, column. */
type PackedTree =
  | readonly ['scalar', (Tree & { kind: 'scalar' })['value'], boolean, number, number]
  | readonly ['list', readonly PackedTree[], false, number, number]
  | readonly ['map', readonly (readonly [string, PackedTree, number, number])[], false, number, number]

const variable = /\$(?:\{|[A-Za-z_])/

/** Makes it of the texts of files that are known to be valid, and of the names of sections that are. */
export async function compileConfig(
  texts: readonly string[],
  about: { readonly version: string; readonly sections: readonly string[] },
): Promise<CompiledConfig> {
  const trees = await Promise.all(
    texts.map(async (text) => ({ text, tree: (await parseYaml(text, { file: '' })).tree })),
  )
  const written = trees.flatMap(({ tree }) => (tree.kind === 'map' ? [...tree.entries] : []))
  const open = new Set(written.filter(([, { value }]) => hasVariable(value)).map(([key]) => key))
  return {
    version: about.version,
    early: trees.length === 1 ? trees.map(({ tree }) => earlyPlan(tree))[0] : undefined,
    files: trees.map(({ text, tree }) => ({ text, tree: pack(tree) })),
    valid: about.sections.filter((name) => !open.has(name)),
  }
}

function hasVariable(tree: Tree): boolean {
  if (tree.kind === 'scalar') return typeof tree.value === 'string' && variable.test(tree.value)
  if (tree.kind === 'list') return tree.items.some(hasVariable)
  return [...tree.entries.values()].some(({ value }) => hasVariable(value))
}

function pack(tree: Tree): PackedTree {
  const { line, column } = tree.at
  if (tree.kind === 'scalar') return ['scalar', tree.value, tree.isQuoted, line, column]
  if (tree.kind === 'list') return ['list', tree.items.map(pack), false, line, column]
  const members = [...tree.entries].map(
    ([key, { at, value }]) => [key, pack(value), at.line, at.column] as const,
  )
  return ['map', members, false, line, column]
}

/** Name of the file in places, and the values of its variables. */
export interface UnpackOptions {
  readonly file: string
  readonly env: Readonly<Record<string, string | undefined>>
}

/** Returns what reading the YAML of the file would have returned. */
export function unpackTree(
  packed: PackedTree,
  { file, env }: UnpackOptions,
): { tree: Tree; problems: Problem[] } {
  const problems: Problem[] = []
  const unpack = (one: PackedTree): Tree => {
    const at: Place = { file, line: one[3], column: one[4] }
    if (one[0] === 'list') return { kind: 'list', items: one[1].map(unpack), at }
    if (one[0] === 'map') {
      const entries = one[1].map(([key, value, line, column]): [string, Entry] => [
        key,
        { at: { file, line, column }, value: unpack(value) },
      ])
      return { kind: 'map', entries: new Map(entries), at }
    }
    const { value, problems: more } = expandScalar(one[1], env, at)
    problems.push(...more)
    return { kind: 'scalar', value, isQuoted: one[2], at }
  }
  return { tree: unpack(packed), problems }
}

/** Returns the compiled form of a file by its text. */
export function compiledTree({ files }: CompiledConfig, text: string): PackedTree | undefined {
  return files.find((file) => file.text === text)?.tree
}
