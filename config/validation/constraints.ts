/**
 * Sections → JSON Schema of their normalised values, which ajv turns into validators. Not the schema for editors
 * (`json-schema.ts`), which describes the file as people write it. Pure.
 */
import type { ObjectSchema, Properties, StringSchema } from '../../src/schema/kinds.js'
import { type Section, schemaOf, variantObject } from '../../src/schema/section.js'
import { type SchemaVisitor, visit } from '../../src/schema/visit.js'

/** A JSON Schema. */
export type Constraints = { readonly [keyword: string]: unknown }

/** A command whose quotes are closed, as `commandWords` reads it. */
const closedQuotes = `^([^'"\\\\]|\\\\[^]|\\\\$|'[^']*'|"([^"\\\\]|\\\\["\\\\$\`]|\\\\(?!["\\\\$\`]))*")*$`

/** Makes the constraints of a section. */
export function constraintsOf(section: Section): Constraints {
  return visit(schemaOf(section), constraints)
}

const constraints: SchemaVisitor<Constraints> = {
  string: textConstraints,
  number: ({ type, minimum, maximum }) => ({
    type,
    ...(minimum === undefined ? {} : { minimum }),
    ...(maximum === undefined ? {} : { maximum }),
  }),
  boolean: () => ({ type: 'boolean' }),
  object: objectConstraints,
  map: ({ values, keyPattern }) => ({
    type: 'object',
    additionalProperties: visit(values, constraints),
    ...(keyPattern === undefined ? {} : { propertyNames: { pattern: keyPattern } }),
  }),
  array: ({ items }) => ({ type: 'array', items: visit(items, constraints) }),
  // Kinds are told apart by shape, so that a fault inside a map is reported there and not as one of the whole.
  anyOf({ anyOf }) {
    const own = anyOf.map((kind) => visit(kind, constraints))
    const of = (...types: readonly unknown[]) => own.filter(({ type }) => types.includes(type))
    const shapes = [
      { type: 'object', kinds: of('object') },
      { type: 'array', kinds: of('array') },
      { type: ['string', 'number', 'boolean', 'null'], kinds: of('string', 'number', 'integer', 'boolean') },
    ]
    const [last, ...others] = shapes.filter(({ kinds }) => kinds.length > 0).reverse()
    return others.reduce(
      (rest, { type, kinds }) => ({ ...when({ type }, firstOf(kinds)), else: rest }),
      firstOf(last?.kinds ?? []),
    )
  },
  variant(schema) {
    const { properties } = variantObject(schema, undefined)
    return {
      ...objectConstraints({ type: 'object', properties }),
      properties: { ...propertiesOf(properties), config: true },
      ...allOf(
        schema.parts.map(({ name, properties: keys }) =>
          when(hasPart(schema.key, name), {
            required: ['config'],
            properties: { config: objectConstraints({ type: 'object', properties: keys }) },
          }),
        ),
      ),
    }
  },
}

/** Constraints that hold where a condition does. */
export function when(condition: Constraints, constraints: Constraints): Constraints {
  // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
  return { if: condition, then: constraints }
}

/** All of some constraints; JSON Schema forbids an empty list. */
export function allOf(constraints: readonly Constraints[]): Constraints {
  return constraints.length === 0 ? {} : { allOf: constraints }
}

/** The condition of a variant's part. */
export function hasPart(key: string, part: string): Constraints {
  return { type: 'object', required: [key], properties: { [key]: { const: part } } }
}

function firstOf(kinds: readonly Constraints[]): Constraints {
  const [only] = kinds
  return kinds.length === 1 && only !== undefined ? only : { anyOf: kinds }
}

function objectConstraints({ properties }: ObjectSchema): Constraints {
  const required = Object.keys(properties).filter((key) => properties[key]?.required === true)
  return {
    type: 'object',
    additionalProperties: false,
    properties: propertiesOf(properties),
    ...(required.length === 0 ? {} : { required }),
  }
}

function propertiesOf(properties: Properties): Constraints {
  return Object.fromEntries(
    // The value of a key that is not built was dropped where it says that it is off: no other is taken.
    Object.entries(properties).map(([key, one]) => [
      key,
      one.notYet === true ? false : visit(one, constraints),
    ]),
  )
}

function textConstraints(schema: StringSchema): Constraints {
  const { format, zero, minLength, pattern } = schema
  if (format === 'duration')
    return { type: 'number', [zero === 'allowed' ? 'minimum' : 'exclusiveMinimum']: 0 }
  if (format === 'size') return { type: 'number', exclusiveMinimum: 0 }
  if (schema.enum !== undefined) {
    const { notYetValues = [] } = schema
    const words = schema.enum.filter((word) => !notYetValues.includes(word))
    return words.length === 0 ? { type: 'string', not: {} } : { type: 'string', enum: words }
  }
  return {
    type: 'string',
    // Not `minLength`: ajv's code for it needs a module of ajv.
    ...(minLength === undefined ? {} : { allOf: [{ pattern: `^[^]{${minLength}}` }] }),
    ...(pattern === undefined ? {} : { pattern }),
    ...(format === 'command' ? { pattern: closedQuotes } : {}),
  }
}
