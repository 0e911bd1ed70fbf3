/** Describes the values a schema accepts, for a fault's "expected …" and for the documentation. Pure. */
import type { Schema, StringSchema } from '../../src/schema/kinds.js'
import { type SchemaVisitor, visit } from '../../src/schema/visit.js'

/** Describes the values of one schema. */
export function describe(schema: Schema): string {
  return visit(schema, words)
}

const words: SchemaVisitor<string> = {
  string: describeText,
  number({ type, unit, minimum, maximum }) {
    const least = minimum === undefined ? '' : ` from ${minimum}`
    const most = maximum === undefined ? '' : ` to ${maximum}`
    const what = type === 'integer' ? 'a whole number' : 'a number'
    return `${what}${unit === undefined ? '' : ` of ${unit}`}${least}${most}`
  },
  boolean: () => 'on or off',
  object: () => 'keys with values',
  map: () => 'keys with values',
  array: () => 'a list',
  anyOf: ({ anyOf }) => anyOf.map(describe).join(' or '),
  variant: ({ key, parts }) => `\`${key}\` (${parts.map(({ name }) => name).join(', ')}) and its \`config\``,
}

function describeText(schema: StringSchema): string {
  const allowed = schema.enum?.filter((value) => schema.notYetValues?.includes(value) !== true)
  if (allowed?.length === 0) return 'a name that a plugin brings'
  if (allowed !== undefined) return allowed.length === 1 ? `"${allowed[0]}"` : `one of ${allowed.join(', ')}`
  if (schema.patternText !== undefined) return schema.patternText
  if (schema.format === 'duration') return 'a duration such as 60s'
  if (schema.format === 'size') return 'a size such as 16MB'
  return schema.minLength === undefined ? 'a text' : 'a text that is not empty'
}
