/**
 * A SAM, CloudFormation or serverless.yml file → `Tree`: CloudFormation's short tags become the long form (`!Ref X` is
 * `{Ref: X}`), so that a template in JSON, with long names or with short ones is one tree. `src/lambda-check/intrinsics.ts`
 * evaluates the functions.
 */
import { relative } from 'node:path'
import type { Entry, Tree } from '../src/schema/tree.js'
import { readConfig } from './find.js'
import { type ParsedFile, parseYaml } from './yaml/yaml.js'

// serverless.yml shares settings by anchors.
const aliasesMax = 64

/** Reads a template; it is named in places relative to `cwd`. Throws RR_CONFIG_NOT_FOUND when it cannot be read. */
export async function readTemplate(file: string, cwd: string): Promise<ParsedFile> {
  const below = relative(cwd, file)
  const name = below.startsWith('..') ? file : below
  return parseTemplate(readConfig(file, 'template'), name)
}

/** Parses the text of a template. Its variables belong to the deployment and stay as they are. */
export async function parseTemplate(text: string, file: string): Promise<ParsedFile> {
  // A duplicate key is a fault of YAML, but AWS takes the last value, and templates in use rely on that.
  const options = { file, tagged: longForm, mayRepeatKeys: true, aliasesMax }
  const { tree, problems } = await parseYaml(text, options)
  return { tree: withMergedKeys(tree), problems }
}

/** `!Ref` and `!Condition` are keys of the same name, every other `!X` is `Fn::X`. */
function longForm(tag: string, value: Tree): Tree {
  const name = tag.slice(1)
  const key = name === 'Ref' || name === 'Condition' ? name : `Fn::${name}`
  return { kind: 'map', entries: new Map([[key, { at: value.at, value }]]), at: value.at }
}

/** serverless.yml may use YAML 1.1's merge key: `<<: *defaults`. */
function withMergedKeys(tree: Tree): Tree {
  if (tree.kind === 'scalar') return tree
  if (tree.kind === 'list') return { ...tree, items: tree.items.map(withMergedKeys) }
  const entries = new Map<string, Entry>()
  for (const merged of mergedMaps(tree.entries.get('<<')?.value))
    for (const [key, entry] of merged.entries) entries.set(key, entry)
  for (const [key, { at, value }] of tree.entries)
    if (key !== '<<') entries.set(key, { at, value: withMergedKeys(value) })
  return { ...tree, entries }
}

/** Returns the merged maps in the order in which they are assigned: of a list, the first map wins. */
function mergedMaps(tree: Tree | undefined): readonly (Tree & { kind: 'map' })[] {
  if (tree === undefined) return []
  const maps = tree.kind === 'list' ? tree.items.toReversed() : [tree]
  return maps.map(withMergedKeys).filter((map) => map.kind === 'map')
}
