/** The parts that other plugins bring to the variants of a section: which of them a file names, and the section with all of them. Pure. */
import type { Part, Properties, Schema } from './kinds.js'
import { type Section, schemaOf } from './section.js'
import type { Tree } from './tree.js'
import { type SchemaVisitor, visit } from './visit.js'

/** Finds the parts that plugins bring for a service. */
export type FindParts = (service: string) => readonly Part[]

/** A part that a file names. */
export interface NamedPart {
  /** Name of the service whose providers bring it. */
  readonly service: string
  readonly name: string
}

/** Adds the parts of other plugins to the variants of a section, before it is validated. Returns a section without such variants as it is. */
export function withParts(section: Section, find: FindParts): Section {
  if (!visit(schemaOf(section), takesParts)) return section
  return {
    ...section,
    properties: withPartsIn(section.properties, find),
    ...(section.entries === undefined ? {} : { entries: visit(section.entries, adder, find) }),
  }
}

/** Lists the parts of other plugins that a section names, as it was written; those that nobody brings, too. */
export function namedParts(section: Section, tree: Tree | undefined): readonly NamedPart[] {
  return visit(schemaOf(section), names, tree)
}

function withPartsIn(properties: Properties, find: FindParts): Properties {
  return Object.fromEntries(Object.entries(properties).map(([key, one]) => [key, visit(one, adder, find)]))
}

const same = (schema: Schema): Schema => schema

const adder: SchemaVisitor<Schema, [find: FindParts]> = {
  string: same,
  number: same,
  boolean: same,
  object: (schema, find) => ({ ...schema, properties: withPartsIn(schema.properties, find) }),
  map: (schema, find) => ({ ...schema, values: visit(schema.values, adder, find) }),
  array: (schema, find) => ({ ...schema, items: visit(schema.items, adder, find) }),
  anyOf: (schema, find) => ({ ...schema, anyOf: schema.anyOf.map((kind) => visit(kind, adder, find)) }),
  variant: (schema, find) => ({
    ...schema,
    parts: schema.partsOf === undefined ? schema.parts : [...schema.parts, ...find(schema.partsOf)],
    properties: withPartsIn(schema.properties, find),
  }),
}

const no = () => false

/** True for a schema with a variant whose parts other plugins bring. */
const takesParts: SchemaVisitor<boolean> = {
  string: no,
  number: no,
  boolean: no,
  object: ({ properties }) => anyTakesParts(properties),
  map: ({ values }) => visit(values, takesParts),
  array: ({ items }) => visit(items, takesParts),
  anyOf: ({ anyOf }) => anyOf.some((kind) => visit(kind, takesParts)),
  variant: ({ partsOf, properties }) => partsOf !== undefined || anyTakesParts(properties),
}

function anyTakesParts(properties: Properties): boolean {
  return Object.values(properties).some((one) => visit(one, takesParts))
}

const none = (): readonly NamedPart[] => []

const names: SchemaVisitor<readonly NamedPart[], [tree: Tree | undefined]> = {
  string: none,
  number: none,
  boolean: none,
  object: ({ properties }, tree) => namesIn(properties, tree),
  map: ({ values }, tree) => childrenOf(tree).flatMap((child) => visit(values, names, child)),
  // One value where a list is meant is a list of one.
  array: ({ items }, tree) =>
    (tree?.kind === 'list' ? tree.items : [tree]).flatMap((item) => visit(items, names, item)),
  anyOf: ({ anyOf }, tree) => anyOf.flatMap((kind) => visit(kind, names, tree)),
  variant({ key, partsOf: service, properties }, tree) {
    const named = tree?.kind === 'map' ? tree.entries.get(key)?.value : undefined
    const own =
      service === undefined || named?.kind !== 'scalar' ? [] : [{ service, name: String(named.value) }]
    return [...own, ...namesIn(properties, tree)]
  },
}

function namesIn(properties: Properties, tree: Tree | undefined): readonly NamedPart[] {
  if (tree?.kind !== 'map') return []
  return Object.entries(properties).flatMap(([key, one]) => visit(one, names, tree.entries.get(key)?.value))
}

/** The values of a map, also of one that is written as a list of maps. */
function childrenOf(tree: Tree | undefined): readonly Tree[] {
  if (tree?.kind === 'list') return tree.items.flatMap(childrenOf)
  return tree?.kind === 'map' ? [...tree.entries.values()].map(({ value }) => value) : []
}
