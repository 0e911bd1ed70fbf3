/** Sections → JSON Schema (draft-07) of the whole file, for editors. Pure. */
import type { Properties, Schema, Section, StringSchema } from '../src/schema/section.js'
import type { SectionOwner } from './validate.js'

type Json = { readonly [key: string]: unknown }

// After expansion it may be anything, and an editor sees the text before.
const variable = '\\$\\{?[A-Za-z_]'
const durationPattern = `^((\\d+(\\.\\d+)?(ns|us|µs|ms|s|m|h))+|0)$|${variable}`
const sizePattern = `^\\d+(\\.\\d+)? ?([KkMmGg]?i?[Bb])?$|${variable}`

/** The schema of `rr.yaml` with these sections. */
export function jsonSchema(owners: readonly SectionOwner[]): Json {
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
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
  const described = section.description === undefined ? {} : { description: section.description }
  if (section.entries !== undefined) {
    return { ...described, type: ['object', 'null'], additionalProperties: schemaOf(section.entries) }
  }
  return {
    ...described,
    type: ['object', 'null'],
    additionalProperties: false,
    properties: propertiesOf(section.properties),
  }
}

function propertiesOf(properties: Properties): Json {
  return Object.fromEntries(Object.entries(properties).map(([key, schema]) => [key, schemaOf(schema)]))
}

function schemaOf(schema: Schema): Json {
  const base = {
    ...(schema.description === undefined ? {} : { description: schema.description }),
    ...('default' in schema && schema.default !== undefined ? { default: schema.default } : {}),
    ...(schema.notYet === true ? { $comment: 'not supported yet' } : {}),
  }
  if ('anyOf' in schema) return { ...base, anyOf: schema.anyOf.map(schemaOf) }
  switch (schema.type) {
    case 'object':
      return {
        ...base,
        type: ['object', 'null'],
        additionalProperties: false,
        properties: propertiesOf(schema.properties),
      }
    case 'map': {
      const values = schemaOf(schema.values)
      const map = { type: ['object', 'null'], additionalProperties: values }
      return { ...base, ...(schema.pairs === true ? { anyOf: [map, { type: 'array', items: map }] } : map) }
    }
    case 'array':
      return { ...base, type: ['array', 'null'], items: schemaOf(schema.items) }
    case 'boolean':
      return {
        ...base,
        anyOf: [
          { type: ['boolean', 'null'] },
          { type: 'string', pattern: `^(true|false|on|off)$|${variable}` },
        ],
      }
    case 'string':
      return { ...base, ...stringSchema(schema) }
    default: {
      const { type, minimum, maximum } = schema
      const range = {
        ...(minimum === undefined ? {} : { minimum }),
        ...(maximum === undefined ? {} : { maximum }),
      }
      return {
        ...base,
        anyOf: [
          { type, ...range },
          { type: 'string', pattern: `^[-+.0-9eE]+$|${variable}` },
          { type: 'null' },
        ],
      }
    }
  }
}

function stringSchema(schema: StringSchema): Json {
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
