/**
 * Tree + sections → validated values and every problem, in one walk. The sections' schemas say what is allowed
 * (`src/schema/section.ts`); this file knows how people write it. It does not need ajv, which would cost a cold start 100 ms;
 * a test holds that the JSON Schema made of the same sections accepts the same files.
 */
import type {
  ArraySchema,
  MapSchema,
  ObjectSchema,
  Properties,
  Schema,
  Section,
} from '../src/schema/section.js'
import type { Entry, Place, Problem, Tree } from '../src/schema/tree.js'
import { describe } from './describe.js'
import { nearestName } from './nearest.js'
import { insteadOf, plannedSections } from './roadrunner-keys.js'
import { readScalar } from './scalar.js'

const plain = { enumerable: true, configurable: true, writable: true } as const

/** Who owns a section. */
export interface SectionOwner {
  readonly name: string
  readonly config: Section
}

/** What came out. */
export interface Validated {
  /** Per plugin that has its section in the file, or defaults for those asked for by `always`. */
  readonly values: ReadonlyMap<string, unknown>
  readonly problems: readonly Problem[]
}

/** Top-level keys that no plugin owns. */
const ownKeys = ['version', 'plugins', 'include']

/** Checks every section. `always` names plugins that are on without a section: they get their defaults. */
export function validateConfig(
  entries: ReadonlyMap<string, Entry>,
  owners: readonly SectionOwner[],
  always: ReadonlySet<string>,
): Validated {
  const walker = new Walker()
  const values = new Map<string, unknown>()
  const byName = new Map(owners.map((owner) => [owner.name, owner]))
  for (const [key, entry] of entries) {
    const owner = byName.get(key)
    if (owner !== undefined) values.set(key, walker.section(owner.config, entry.value, key))
    else if (!ownKeys.includes(key)) walker.unowned(key, entry, [...byName.keys(), ...ownKeys])
  }
  for (const name of always) {
    const owner = byName.get(name)
    if (owner !== undefined && !values.has(name))
      values.set(name, walker.section(owner.config, undefined, name))
  }
  return { values, problems: walker.problems }
}

const nowhere: Place = { file: '', line: 1, column: 1 }

class Walker {
  readonly problems: Problem[] = []

  section(section: Section, tree: Tree | undefined, path: string): unknown {
    if (section.entries !== undefined) return this.#map({ type: 'map', values: section.entries }, tree, path)
    const before = this.problems.length
    const value = this.#object({ type: 'object', properties: section.properties }, tree, path)
    if (section.check === undefined || this.problems.length > before) return value
    for (const { key, what, hint } of section.check(value))
      this.#fail(placeOf(tree, key), `"${path}.${key}": ${what}`, hint === undefined ? {} : { hint })
    return value
  }

  unowned(key: string, entry: Entry, names: readonly string[]): void {
    const instead = insteadOf(key)
    if (instead !== undefined) this.#warn(entry.at, `"${key}" has no meaning here`, instead)
    else if (plannedSections.has(key)) this.#fail(entry.at, `section "${key}" is not supported yet`)
    else {
      const nearest = nearestName(key, names)
      const what = `section "${key}" belongs to no plugin`
      this.#fail(
        entry.at,
        what,
        nearest === undefined ? { hint: 'is its plugin listed under `plugins:`?' } : { nearest },
      )
    }
  }

  #value(schema: Schema, tree: Tree | undefined, path: string): unknown {
    if (tree !== undefined && schema.notYet === true && !isOff(schema, tree)) {
      this.#fail(tree.at, `"${path}" is not supported yet`)
      return undefined
    }
    if ('anyOf' in schema) return this.#anyOf(schema.anyOf, schema.default, tree, path)
    switch (schema.type) {
      case 'object':
        if (tree === undefined && schema.optional === true) return undefined
        return this.#object(schema, tree, path)
      case 'map':
        return this.#map(schema, tree, path)
      case 'array':
        return this.#array(schema, tree, path)
      default: {
        const given = tree ?? defaultTree(schema.default)
        if (given === undefined) return undefined
        const read = readScalar(schema, given)
        if ('value' in read) {
          if (read.warning !== undefined) this.#warn(given.at, `"${path}": ${read.warning}`, read.hint ?? '')
          return read.value
        }
        const nearest =
          schema.type === 'string' && schema.enum !== undefined && given.kind === 'scalar'
            ? nearestName(
                String(given.value),
                schema.enum.filter((value) => schema.notYetValues?.includes(value) !== true),
              )
            : undefined
        this.#fail(given.at, `"${path}": ${read.what}`, {
          expected: read.expected,
          ...(nearest === undefined ? {} : { nearest }),
          ...(read.hint === undefined ? {} : { hint: read.hint }),
        })
        return undefined
      }
    }
  }

  #anyOf(
    kinds: readonly Schema[],
    fallback: string | number | undefined,
    tree: Tree | undefined,
    path: string,
  ): unknown {
    const given = tree ?? defaultTree(fallback)
    const [first] = kinds
    // What may be an object, and was not written, is the object with its defaults.
    if (given === undefined) {
      return first !== undefined && 'type' in first && first.type === 'object'
        ? this.#object(first, undefined, path)
        : undefined
    }
    const fitting = kinds.filter((kind) => fits(kind, given))
    const expected = kinds.map(describe).join(' or ')
    if (fitting.length === 0) {
      this.#fail(given.at, `"${path}": ${nameOf(given)}`, { expected })
      return undefined
    }
    // The first scalar kind that takes it; if none does, all that was expected is said once.
    for (const kind of fitting) {
      const trial = new Walker()
      const value = trial.#value(kind, given, path)
      if (trial.problems.length === 0 || fitting.length === 1) {
        this.problems.push(...trial.problems)
        return value
      }
    }
    this.#fail(given.at, `"${path}": ${nameOf(given)}`, { expected })
    return undefined
  }

  #object(schema: ObjectSchema, tree: Tree | undefined, path: string): Record<string, unknown> {
    const entries = this.#entriesOf(tree, path)
    for (const [key, entry] of entries) {
      if (!Object.hasOwn(schema.properties, key)) this.#unknownKey(key, entry, schema.properties, path)
    }
    const value: Record<string, unknown> = {}
    for (const [key, property] of Object.entries(schema.properties)) {
      const given = entries.get(key)?.value
      // A key without a value is one that was not written.
      const isEmpty = given?.kind === 'scalar' && given.value === null
      if (isEmpty && given !== undefined && schema.required?.includes(key) === true) {
        this.#fail(given.at, `"${path}.${key}" is empty`, { expected: describe(property) })
      }
      value[key] = this.#value(property, isEmpty ? undefined : given, `${path}.${key}`)
    }
    for (const key of schema.required ?? []) {
      if (!entries.has(key)) this.#fail(tree?.at ?? nowhere, `"${path}" has no "${key}"`)
    }
    return value
  }

  #unknownKey(key: string, entry: Entry, properties: Properties, path: string): void {
    const instead = insteadOf(`${path}.${key}`)
    if (instead !== undefined) {
      this.#warn(entry.at, `"${path}.${key}" has no meaning here`, instead)
      return
    }
    const names = Object.keys(properties)
    const nearest = nearestName(key, names)
    const expected = names.length === 0 ? 'no keys' : `one of ${names.join(', ')}`
    this.#fail(
      entry.at,
      `unknown key "${key}" in "${path}"`,
      nearest === undefined ? { expected } : { expected, nearest },
    )
  }

  #entriesOf(tree: Tree | undefined, path: string): ReadonlyMap<string, Entry> {
    if (tree === undefined || (tree.kind === 'scalar' && tree.value === null)) return new Map()
    if (tree.kind === 'map') return tree.entries
    this.#fail(tree.at, `"${path}": ${nameOf(tree)}`, { expected: 'keys with values' })
    return new Map()
  }

  #map(schema: MapSchema, tree: Tree | undefined, path: string): Record<string, unknown> {
    const isPairs = schema.pairs === true && tree?.kind === 'list'
    const entries = isPairs ? this.#pairs(tree.items, path) : this.#entriesOf(tree, path)
    const value: Record<string, unknown> = {}
    for (const [key, entry] of entries) {
      if (schema.keyPattern !== undefined && !new RegExp(schema.keyPattern).test(key)) {
        this.#fail(entry.at, `"${path}": the name "${key}"`, { expected: 'letters, digits and _' })
      }
      const read = this.#value(schema.values, entry.value, `${path}.${key}`)
      // Not by assignment: `__proto__` is a name like any other.
      if (read !== undefined) Object.defineProperty(value, key, { value: read, ...plain })
    }
    return value
  }

  #pairs(items: readonly Tree[], path: string): ReadonlyMap<string, Entry> {
    const entries = new Map<string, Entry>()
    for (const item of items) for (const [key, entry] of this.#entriesOf(item, path)) entries.set(key, entry)
    return entries
  }

  #array(schema: ArraySchema, tree: Tree | undefined, path: string): readonly unknown[] {
    if (tree === undefined || (tree.kind === 'scalar' && tree.value === null)) return []
    const items = tree.kind === 'list' ? tree.items : [tree]
    return items.map((item, at) => this.#value(schema.items, item, `${path}[${at}]`))
  }

  #fail(at: Place, what: string, more: { expected?: string; nearest?: string; hint?: string } = {}): void {
    this.problems.push({ severity: 'error', at, what, ...more })
  }

  #warn(at: Place, what: string, hint: string): void {
    this.problems.push({ severity: 'warning', at, what, hint })
  }
}

/** Where a key was written; the nearest thing above it that was, when it was not. */
function placeOf(tree: Tree | undefined, key: string): Place {
  let [at, node] = [tree?.at ?? nowhere, tree]
  for (const name of key.split('.')) {
    const entry = node?.kind === 'map' ? node.entries.get(name) : undefined
    if (entry === undefined) break
    at = entry.at
    node = entry.value
  }
  return at
}

/** A documented key that is not built may say that it is off: its default, zero, or nothing. */
function isOff(schema: Schema, tree: Tree): boolean {
  if (tree.kind !== 'scalar') return tree.kind === 'map' ? tree.entries.size === 0 : tree.items.length === 0
  if (tree.value === null || tree.value === 0 || tree.value === false || tree.value === '') return true
  const fallback = 'default' in schema ? schema.default : undefined
  return fallback !== undefined && String(tree.value) === String(fallback)
    ? true
    : /^0[a-z]*$/.test(String(tree.value))
}

function defaultTree(value: string | number | boolean | undefined): Tree | undefined {
  return value === undefined ? undefined : { kind: 'scalar', value, isQuoted: false, at: nowhere }
}

function fits(schema: Schema, tree: Tree): boolean {
  if ('anyOf' in schema) return schema.anyOf.some((kind) => fits(kind, tree))
  if (schema.type === 'object' || schema.type === 'map') return tree.kind === 'map'
  return schema.type === 'array' ? tree.kind === 'list' : tree.kind === 'scalar'
}

function nameOf(tree: Tree): string {
  if (tree.kind === 'map') return 'a map'
  return tree.kind === 'list' ? 'a list' : JSON.stringify(tree.value)
}
