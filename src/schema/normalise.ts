/**
 * Turns a written section into a value in the section's own terms: fills in defaults and reads scalars, each with its place. Judges
 * nothing: a value that cannot be read is passed on as it was written, for validation to refuse. Pure.
 */
import { shellWord } from '../core/command-words.js'
import type { MapSchema, ObjectSchema, Schema } from './kinds.js'
import { readNumber, readText, readTruth } from './scalar.js'
import { variantObject } from './section.js'
import { type Place, type Problem, plain, type Scalar, type Tree } from './tree.js'
import { type SchemaVisitor, visit } from './visit.js'

/** A value of the section as it was written. One that was not written has the place of the value that holds it. */
export interface SourceNode {
  readonly schema: Schema
  readonly tree: Tree | undefined
  readonly at: Place
  /** Path as people write it: `lambda.pool.command[1]`. */
  readonly path: string
}

/** A section, ready to be validated. */
export interface Normalised {
  readonly value: unknown
  /** By JSON pointer from the section. */
  readonly nodes: ReadonlyMap<string, SourceNode>
  readonly warnings: readonly Problem[]
}

/** Place of a section, and the keys without meaning. */
export interface NormaliseOptions {
  /** The section's name. */
  readonly path: string
  readonly at: Place
  /** Says what to use instead of a key that is ignored with a warning. */
  readonly insteadOf?: (path: string) => string | undefined
}

/** Reads a section's tree; undefined takes the defaults of all keys. */
export function normalise(schema: Schema, tree: Tree | undefined, options: NormaliseOptions): Normalised {
  const { path, at } = options
  const nodes = new Map<string, SourceNode>()
  const warnings: Problem[] = []
  const value = read(schema, tree, { pointer: '', path, at, nodes, warnings, insteadOf: options.insteadOf })
  return { value, nodes, warnings }
}

/** One step of a JSON pointer. */
function pointerStep(key: string | number): string {
  return `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`
}

/** Current position, and the values collected so far. */
interface Spot {
  readonly pointer: string
  readonly path: string
  readonly at: Place
  readonly nodes: Map<string, SourceNode>
  readonly warnings: Problem[]
  readonly insteadOf: NormaliseOptions['insteadOf']
}

function below(spot: Spot, key: string | number, at: Place = spot.at): Spot {
  const path = typeof key === 'number' ? `${spot.path}[${key}]` : `${spot.path}.${key}`
  return { ...spot, at, path, pointer: spot.pointer + pointerStep(key) }
}

function read(schema: Schema, tree: Tree | undefined, spot: Spot): unknown {
  note(schema, tree, spot)
  if (schema.notYet !== true) return visit(schema, reader, tree, spot)
  return tree === undefined || isOff(schema, tree) ? undefined : plain(tree)
}

function note(schema: Schema, tree: Tree | undefined, { nodes, pointer, path, at }: Spot): void {
  nodes.set(pointer, { schema, tree, at: tree?.at ?? at, path })
}

const reader: SchemaVisitor<unknown, [tree: Tree | undefined, spot: Spot]> = {
  string(schema, tree, spot) {
    if (schema.format === 'command' && tree?.kind === 'scalar') warnOfShell(tree, spot)
    return readScalar(tree, schema.default, (scalar) => readText(schema, scalar))
  },
  number: (schema, tree) => readScalar(tree, schema.default, readNumber),
  boolean: (schema, tree) => readScalar(tree, schema.default, readTruth),
  object: (schema, tree, spot) =>
    tree === undefined && schema.optional === true ? undefined : readObject(schema, tree, spot),
  map: readMap,
  array(schema, tree, spot) {
    const given = present(tree)
    if (given === undefined) return [...(schema.default ?? [])]
    // One value where a list is meant is a list of one.
    const items = given.kind === 'list' ? given.items : [given]
    return items.map((item, at) => read(schema.items, item, below(spot, at, item.at)))
  },
  anyOf(schema, tree, spot) {
    const given = tree ?? scalarTree(schema.default, spot.at)
    const [first] = schema.anyOf
    // What may be an object, and was not written, is the object with its defaults.
    if (given === undefined)
      return first !== undefined && visit(first, shapes).includes('map')
        ? visit(first, reader, undefined, spot)
        : undefined
    const kinds = schema.anyOf.filter((kind) => visit(kind, shapes).includes(given.kind))
    const [only] = kinds
    if (only === undefined) return plain(given)
    if (kinds.length === 1) note(only, given, spot)
    const kind = given.kind === 'scalar' ? kinds.find((one) => visit(one, readable, given.value)) : undefined
    return visit(kind ?? only, reader, given, spot)
  },
  variant(schema, tree, spot) {
    if (tree === undefined) return undefined
    const named = tree.kind === 'map' ? tree.entries.get(schema.key)?.value : undefined
    const name = named?.kind === 'scalar' ? String(named.value) : undefined
    const object = variantObject(
      schema,
      schema.parts.find((part) => part.name === name),
    )
    note(object, tree, spot)
    return readObject(object, tree, spot)
  },
}

/** The shapes that a kind may be written in. */
const shapes: SchemaVisitor<readonly Tree['kind'][]> = {
  string: () => ['scalar'],
  number: () => ['scalar'],
  boolean: () => ['scalar'],
  object: () => ['map'],
  map: () => ['map'],
  array: () => ['list'],
  anyOf: (schema) => schema.anyOf.flatMap((kind) => visit(kind, shapes)),
  variant: () => ['map'],
}

function readScalar(
  tree: Tree | undefined,
  fallback: Scalar | undefined,
  read: (scalar: Scalar) => Scalar,
): unknown {
  if (tree === undefined) return fallback === undefined ? undefined : read(fallback)
  return tree.kind === 'scalar' ? read(tree.value) : plain(tree)
}

function readObject(schema: ObjectSchema, tree: Tree | undefined, spot: Spot): unknown {
  const given = present(tree)
  if (given !== undefined && given.kind !== 'map') return plain(given)
  const value: Record<string, unknown> = {}
  for (const [key, entry] of given?.entries ?? []) {
    if (Object.hasOwn(schema.properties, key)) continue
    const instead = spot.insteadOf?.(`${spot.path}.${key}`)
    if (instead === undefined) set(value, key, plain(entry.value))
    else warn(spot, entry.at, `"${spot.path}.${key}" has no meaning here`, instead)
  }
  for (const [key, property] of Object.entries(schema.properties)) {
    // A key without a value is one that was not written.
    const own = present(given?.entries.get(key)?.value)
    if (own !== undefined || property.required !== true)
      set(value, key, read(property, own, below(spot, key, tree?.at)))
  }
  return value
}

function readMap(schema: MapSchema, tree: Tree | undefined, spot: Spot): unknown {
  const given = present(tree)
  const value: Record<string, unknown> = {}
  const maps =
    given?.kind === 'list' && schema.pairs === true ? given.items : given === undefined ? [] : [given]
  for (const map of maps) {
    if (present(map) === undefined) continue
    if (map.kind !== 'map') {
      note(schema, map, spot)
      return plain(map)
    }
    for (const [key, entry] of map.entries) {
      const one = read(schema.values, entry.value, below(spot, key, entry.value.at))
      if (one !== undefined) set(value, key, one)
    }
  }
  return value
}

/** Tells whether a scalar is within what a kind takes; which kind is meant depends on it, whether the value is valid does not. */
const readable: SchemaVisitor<boolean, [scalar: Scalar]> = {
  string(schema, scalar) {
    const text = readText(schema, scalar)
    if (schema.format === 'duration' || schema.format === 'size') return typeof text === 'number'
    const isWord = schema.enum === undefined || schema.enum.includes(String(text))
    return isWord && (schema.pattern === undefined || new RegExp(schema.pattern).test(String(text)))
  },
  number({ minimum = Number.NEGATIVE_INFINITY, maximum = Number.POSITIVE_INFINITY, type }, scalar) {
    const value = readNumber(scalar)
    if (typeof value !== 'number' || (type === 'integer' && !Number.isInteger(value))) return false
    return value >= minimum && value <= maximum
  },
  boolean: (_schema, scalar) => typeof readTruth(scalar) === 'boolean',
  object: () => false,
  map: () => false,
  array: () => false,
  anyOf: (schema, scalar) => schema.anyOf.some((kind) => visit(kind, readable, scalar)),
  variant: () => false,
}

/** The tree, unless nothing is written there. */
function present(tree: Tree | undefined): Tree | undefined {
  return tree?.kind === 'scalar' && tree.value === null ? undefined : tree
}

/** A documented key that is not built may say that it is off: its default, zero, or nothing. */
function isOff(schema: Schema, tree: Tree): boolean {
  if (tree.kind !== 'scalar') return tree.kind === 'map' ? tree.entries.size === 0 : tree.items.length === 0
  if (tree.value === null || tree.value === 0 || tree.value === false || tree.value === '') return true
  const fallback = 'default' in schema ? schema.default : undefined
  const text = String(tree.value)
  return (fallback !== undefined && text === String(fallback)) || /^0[a-z]*$/.test(text)
}

function scalarTree(value: Scalar | undefined, at: Place): Tree | undefined {
  return value === undefined ? undefined : { kind: 'scalar', value, isQuoted: false, at }
}

function warnOfShell({ value, at }: Tree & { kind: 'scalar' }, spot: Spot): void {
  const word = shellWord(String(value))
  if (word === undefined) return
  const what = `"${spot.path}": no shell reads this command: ${JSON.stringify(word)} is handed on as it stands`
  const isVariable = word.includes('=')
  const quote = 'quote it if it is meant so, or write ["sh", "-c", "exec …"]'
  warn(spot, at, what, isVariable ? 'set variables in `env`' : quote)
}

function warn({ warnings }: Spot, at: Place, what: string, hint: string): void {
  warnings.push({ severity: 'warning', at, what, hint })
}

/** Sets a property without an assignment, so that `__proto__` is a name like any other. */
function set(object: Record<string, unknown>, key: string, value: unknown): void {
  Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true })
}
