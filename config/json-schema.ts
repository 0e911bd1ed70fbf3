/** Sections → JSON Schema (draft-07) of the whole file, for editors. Pure. */
import type { Properties, Schema, StringSchema } from '../src/schema/kinds.js'
import { type Section, schemaOf, variantObject } from '../src/schema/section.js'
import { type SchemaVisitor, visit } from '../src/schema/visit.js'
import { allOf, hasPart, when } from './validation/constraints.js'
import type { SectionOwner } from './validation/validate.js'

type Json = { readonly [key: string]: unknown }

// After expansion it may be anything, and an editor sees the text before.
const variable = '\\$\\{?[A-Za-z_]'
const durationPattern = `^((\\d+(\\.\\d+)?(ns|us|µs|ms|s|m|h))+|0)$|${variable}`
const sizePattern = `^\\d+(\\.\\d+)? ?([KkMmGg]?i?[Bb])?$|${variable}`

/** Identifies the schema that the package ships, which knows no plugins but the built-in ones. */
export const shippedSchemaId = 'https://unpkg.com/relayrunner/dist/rr.schema.json'

/** Makes the schema of `rr.yaml` with these sections. */
export function jsonSchema(owners: readonly SectionOwner[], id?: string): Json {
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    ...(id === undefined ? {} : { $id: id }),
    title: 'RelayRunner configuration (rr.yaml)',
    type: 'object',
    required: ['version'],
    additionalProperties: false,
    properties: {
      version: { description: 'Version of this file’s format.', enum: ['3', 3] },
      plugins: {
        description: 'npm names or paths of plugins beside the built-in ones.',
        anyOf: [{ type: 'array', items: { type: 'string' } }, { type: 'null' }],
      },
      include: {
        description: 'Files whose sections replace those of this one.',
        anyOf: [{ type: 'array', items: { type: 'string' } }, { type: 'string' }],
      },
      ...Object.fromEntries(owners.map((owner) => [owner.name, sectionSchema(owner.config)])),
    },
  }
}

function sectionSchema(section: Section): Json {
  const { description } = section
  return { ...(description === undefined ? {} : { description }), ...visit(schemaOf(section), editors) }
}

/** Adds the description and the default that editors show. */
function described(schema: Schema): Json {
  return {
    ...(schema.description === undefined ? {} : { description: schema.description }),
    ...('default' in schema && schema.default !== undefined ? { default: schema.default } : {}),
    ...(schema.notYet === true ? { $comment: 'not supported yet' } : {}),
    ...visit(schema, editors),
  }
}

/** Values as they are written. A key without a value is one that was not written, so that null goes everywhere. */
const editors: SchemaVisitor<Json> = {
  string: (schema) => ({ ...textSchema(schema), ...(schema.secret === true ? { writeOnly: true } : {}) }),
  number({ type, minimum, maximum }) {
    const least = minimum === undefined ? {} : { minimum }
    const most = maximum === undefined ? {} : { maximum }
    const text = { type: 'string', pattern: `^[-+.0-9eE]+$|${variable}` }
    return { anyOf: [{ type, ...least, ...most }, text, { type: 'null' }] }
  },
  boolean: () => ({
    anyOf: [{ type: ['boolean', 'null'] }, { type: 'string', pattern: `^(true|false|on|off)$|${variable}` }],
  }),
  object: ({ properties }) => objectSchema(properties),
  map({ values, pairs }) {
    const map = { type: ['object', 'null'], additionalProperties: described(values) }
    return pairs === true ? { anyOf: [map, { type: 'array', items: map }] } : map
  },
  array: ({ items }) => ({ type: ['array', 'null'], items: described(items) }),
  anyOf: ({ anyOf }) => ({ anyOf: anyOf.map(described) }),
  variant(schema) {
    const own = objectSchema(variantObject(schema, undefined).properties)
    return {
      ...own,
      properties: { ...Object(own.properties), config: {} },
      ...allOf(
        schema.parts.map(({ name, properties }) =>
          when(hasPart(schema.key, name), { properties: { config: objectSchema(properties) } }),
        ),
      ),
    }
  },
}

function objectSchema(properties: Properties): Json {
  const required = Object.keys(properties).filter((key) => properties[key]?.required === true)
  return {
    type: ['object', 'null'],
    additionalProperties: false,
    properties: Object.fromEntries(Object.entries(properties).map(([key, one]) => [key, described(one)])),
    ...(required.length === 0 ? {} : { required }),
  }
}

function textSchema(schema: StringSchema): Json {
  if (schema.enum !== undefined) {
    const allowed = schema.enum.filter((value) => schema.notYetValues?.includes(value) !== true)
    const booleans = ['on', 'off'].some((word) => allowed.includes(word)) ? [true, false] : []
    return { anyOf: [{ enum: [...allowed, ...booleans, null] }, { type: 'string', pattern: variable }] }
  }
  if (schema.format === 'duration')
    return { anyOf: [{ type: 'string', pattern: durationPattern }, { enum: [0, null] }] }
  if (schema.format === 'size')
    return { anyOf: [{ type: 'string', pattern: sizePattern }, { type: ['integer', 'null'] }] }
  return { type: ['string', 'number', 'boolean', 'null'] }
}
