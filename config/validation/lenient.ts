/**
 * Reads a `.rr.yaml` as RoadRunner reads it: any letter case of keys, lists as texts with commas, a list of one for a single value, its
 * names of levels. Keys and sections that nobody knows are warnings, unless work would silently not be done. Pure: the tree it returns
 * is validated as strictly as any other.
 */
import type { ObjectSchema, Properties, Schema } from '../../src/schema/kinds.js'
import { type Section, schemaOf, variantObject } from '../../src/schema/section.js'
import { type Entry, type Place, type Problem, scalarText, type Tree } from '../../src/schema/tree.js'
import { nearestName } from './nearest.js'
import { insteadOf, lostWork, plannedSections } from './roadrunner-keys.js'

/** A file that was adapted, and what is worth a warning. */
export interface LenientEntries {
  readonly entries: ReadonlyMap<string, Entry>
  readonly problems: readonly Problem[]
}

/** Adapts all sections; those of no owner are left out with a warning, or with a fault where they would do work. */
export function lenientEntries(
  entries: ReadonlyMap<string, Entry>,
  owners: readonly { readonly name: string; readonly config: Section }[],
  ownKeys: readonly string[],
): LenientEntries {
  const problems: Problem[] = []
  const adapted = new Map<string, Entry>()
  const names = [...owners.map(({ name }) => name), ...ownKeys]
  for (const [written, entry] of entries) {
    const key = names.find((name) => name.toLowerCase() === written.toLowerCase()) ?? written
    const owner = owners.find(({ name }) => name === key)
    if (owner !== undefined) {
      const value = adapt(schemaOf(owner.config), entry.value, { path: key, problems })
      adapted.set(key, { at: entry.at, value })
    } else if (ownKeys.includes(key)) adapted.set(key, entry)
    else problems.push(unknownSection(key, entry.at, names))
  }
  if (owners.some(({ name }) => name === 'logs')) adapted.set('logs', theirLog(adapted.get('logs')))
  return { entries: adapted, problems }
}

/** Readers of RoadRunner's log expect its members. */
function theirLog(entry: Entry | undefined): Entry {
  const { at = { file: '(default)', line: 1, column: 1 }, value } = entry ?? {}
  const entries = new Map(value?.kind === 'map' ? value.entries : [])
  if (value !== undefined && value.kind !== 'map' && !(value.kind === 'scalar' && value.value === null))
    return { at, value }
  if (!entries.has('shape'))
    entries.set('shape', { at, value: { kind: 'scalar', value: 'roadrunner', isQuoted: false, at } })
  return { at, value: { kind: 'map', entries, at: value?.at ?? at } }
}

interface Spot {
  readonly path: string
  readonly problems: Problem[]
}

function unknownSection(key: string, at: Place, names: readonly string[]): Problem {
  const lost = lostWork.get(key)
  if (lost !== undefined)
    return { severity: 'error', at, what: `section "${key}" is not supported`, hint: lost }
  const instead = insteadOf(key)
  if (instead !== undefined)
    return { severity: 'warning', at, what: `"${key}" has no meaning here`, hint: instead }
  if (plannedSections.has(key))
    return { severity: 'error', at, what: `section "${key}" is not supported yet` }
  const nearest = nearestName(key, names)
  const what = `section "${key}" is ignored: it belongs to no plugin`
  return { severity: 'warning', at, what, ...(nearest === undefined ? {} : { nearest }) }
}

function adapt(schema: Schema, tree: Tree, spot: Spot): Tree {
  if ('anyOf' in schema) return adaptAnyOf(schema.anyOf, tree, spot)
  switch (schema.type) {
    case 'object':
      return adaptObject(schema, tree, spot)
    case 'variant': {
      const named = tree.kind === 'map' ? tree.entries.get(schema.key)?.value : undefined
      const part = schema.parts.find(({ name }) => name === scalarText(named))
      // An unknown part is a fault: its keys are nobody's.
      return part === undefined ? tree : adaptObject(variantObject(schema, part), tree, spot)
    }
    case 'map':
      return adaptMap(schema.values, tree, spot)
    case 'array': {
      const list = splitAtCommas(tree)
      return list.kind === 'list'
        ? { ...list, items: list.items.map((item) => adapt(schema.items, item, spot)) }
        : list
    }
    default:
      return adaptScalar(schema, onlyItem(tree), spot)
  }
}

function adaptAnyOf(kinds: readonly Schema[], tree: Tree, spot: Spot): Tree {
  const takes = (type: string) => kinds.find((kind) => 'type' in kind && kind.type === type)
  const holder = takes('object') ?? takes('map') ?? takes('variant')
  if (tree.kind === 'map' && holder !== undefined) return adapt(holder, tree, spot)
  const list = takes('array')
  // `-o server.command=php,worker.php`: RoadRunner splits at commas where it takes a list.
  const split = list === undefined ? tree : splitAtCommas(tree)
  if (split.kind === 'list' && list !== undefined) return adapt(list, split, spot)
  if (/(^|\.)num_workers$/.test(spot.path) && scalarText(tree) === '0') return scalar('auto', tree)
  return onlyItem(tree)
}

function adaptObject(schema: ObjectSchema, tree: Tree, spot: Spot): Tree {
  if (tree.kind !== 'map') return tree
  const entries = new Map<string, Entry>()
  for (const [written, entry] of tree.entries) {
    const key = keyOf(schema.properties, written)
    const path = `${spot.path}.${key ?? written}`
    const property = key === undefined ? undefined : schema.properties[key]
    if (key !== undefined && property !== undefined)
      entries.set(key, { at: entry.at, value: adapt(property, entry.value, { ...spot, path }) })
    else if (insteadOf(path) !== undefined) entries.set(written, entry)
    else spot.problems.push(unknownKey(written, entry.at, spot.path, Object.keys(schema.properties)))
  }
  return { ...tree, entries }
}

function keyOf(properties: Properties, written: string): string | undefined {
  if (Object.hasOwn(properties, written)) return written
  return Object.keys(properties).find((key) => key.toLowerCase() === written.toLowerCase())
}

function unknownKey(key: string, at: Place, path: string, names: readonly string[]): Problem {
  const nearest = nearestName(key, names)
  const what = `unknown key "${key}" in "${path}" is ignored`
  return { severity: 'warning', at, what, ...(nearest === undefined ? {} : { nearest }) }
}

/** Keys are names of the user’s choice: their letter case stays. */
function adaptMap(values: Schema, tree: Tree, spot: Spot): Tree {
  if (tree.kind === 'list') return { ...tree, items: tree.items.map((item) => adaptMap(values, item, spot)) }
  if (tree.kind !== 'map') return tree
  const entries = [...tree.entries].map(
    ([key, { at, value }]) =>
      [key, { at, value: adapt(values, value, { ...spot, path: `${spot.path}.${key}` }) }] as const,
  )
  return { ...tree, entries: new Map(entries) }
}

const levels: Readonly<Record<string, string>> = {
  warning: 'warn',
  fatal: 'error',
  panic: 'error',
  dpanic: 'error',
}
const truths: Readonly<Record<string, boolean>> = { '1': true, '0': false, t: true, f: false }

function adaptScalar(schema: Schema, tree: Tree, { path }: Spot): Tree {
  if (tree.kind !== 'scalar' || tree.value === null) return tree
  const text = String(tree.value).toLowerCase()
  if ('type' in schema && schema.type === 'boolean') {
    const truth = truths[text]
    return truth === undefined ? tree : scalar(truth, tree)
  }
  if (/^logs(\.channels\.[^.]+)?\.level$/.test(path)) return scalar(levels[text] ?? text, tree)
  if (/^logs(\.channels\.[^.]+)?\.(mode|encoding)$/.test(path)) return scalar(text, tree)
  return tree
}

function scalar(value: string | boolean, { at }: Tree): Tree {
  return { kind: 'scalar', value, isQuoted: false, at }
}

function onlyItem(tree: Tree): Tree {
  const [only, ...more] = tree.kind === 'list' ? tree.items : []
  return only !== undefined && more.length === 0 && only.kind === 'scalar' ? only : tree
}

function splitAtCommas(tree: Tree): Tree {
  if (tree.kind !== 'scalar' || typeof tree.value !== 'string' || !tree.value.includes(',')) return tree
  const items = tree.value.split(',').map((item) => ({ ...scalar(item.trim(), tree), isQuoted: true }))
  return { kind: 'list', items, at: tree.at }
}
