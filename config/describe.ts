/** What a schema takes, in the words of a fault's "expected …". Pure. */
import type { Schema, StringSchema } from '../src/schema/section.js'

/** One kind of value, in words. */
export function describe(schema: Schema): string {
  if ('anyOf' in schema) return schema.anyOf.map(describe).join(' or ')
  switch (schema.type) {
    case 'object':
    case 'map':
      return 'keys with values'
    case 'array':
      return 'a list'
    case 'boolean':
      return 'on or off'
    case 'string':
      return describeText(schema)
    default: {
      const { minimum, maximum } = schema
      const range = `${minimum === undefined ? '' : ` from ${minimum}`}${maximum === undefined ? '' : ` to ${maximum}`}`
      return `${schema.type === 'integer' ? 'a whole number' : 'a number'}${range}`
    }
  }
}

function describeText(schema: StringSchema): string {
  const allowed = schema.enum?.filter((value) => schema.notYetValues?.includes(value) !== true)
  if (allowed !== undefined) return allowed.length === 1 ? `"${allowed[0]}"` : `one of ${allowed.join(', ')}`
  if (schema.patternText !== undefined) return schema.patternText
  if (schema.format === 'duration') return 'a duration such as 60s'
  return schema.format === 'size' ? 'a size such as 16MB' : 'a text'
}
