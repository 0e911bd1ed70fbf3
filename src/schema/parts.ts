/** Adds the parts that other plugins bring to the variants of a section, before it is validated. Pure. */
import type { Part, Properties, Schema } from './kinds.js'
import type { Section } from './section.js'
import { type SchemaVisitor, visit } from './visit.js'

/** Finds the parts that plugins bring for a service. */
export type FindParts = (service: string) => readonly Part[]

/** The same section, with the parts of other plugins in its variants. */
export function withParts(section: Section, find: FindParts): Section {
  return {
    ...section,
    properties: withPartsIn(section.properties, find),
    ...(section.entries === undefined ? {} : { entries: visit(section.entries, adder, find) }),
  }
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
