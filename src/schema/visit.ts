/** Dispatches on the kind of a schema: the only place that tells kinds apart. What reads a schema is a visitor. Pure. */
import { unreachable } from '../core/assert.js'
import type {
  AnyOfSchema,
  ArraySchema,
  BooleanSchema,
  MapSchema,
  NumberSchema,
  ObjectSchema,
  Schema,
  StringSchema,
  VariantSchema,
} from './kinds.js'

/** A method for each kind. `A` is what the visitor passes down beside the schema. */
export interface SchemaVisitor<T, A extends readonly unknown[] = []> {
  string(schema: StringSchema, ...more: A): T
  number(schema: NumberSchema, ...more: A): T
  boolean(schema: BooleanSchema, ...more: A): T
  object(schema: ObjectSchema, ...more: A): T
  map(schema: MapSchema, ...more: A): T
  array(schema: ArraySchema, ...more: A): T
  anyOf(schema: AnyOfSchema, ...more: A): T
  variant(schema: VariantSchema, ...more: A): T
}

/** Calls the visitor's method for this schema. */
export function visit<T, A extends readonly unknown[]>(
  schema: Schema,
  visitor: SchemaVisitor<T, A>,
  ...more: A
): T {
  if ('anyOf' in schema) return visitor.anyOf(schema, ...more)
  switch (schema.type) {
    case 'string':
      return visitor.string(schema, ...more)
    case 'number':
    case 'integer':
      return visitor.number(schema, ...more)
    case 'boolean':
      return visitor.boolean(schema, ...more)
    case 'object':
      return visitor.object(schema, ...more)
    case 'map':
      return visitor.map(schema, ...more)
    case 'array':
      return visitor.array(schema, ...more)
    case 'variant':
      return visitor.variant(schema, ...more)
    default:
      return unreachable(schema)
  }
}
