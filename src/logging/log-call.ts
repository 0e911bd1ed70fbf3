/**
 * Reads the arguments of a logger's call as fields and a sentence. Plugins written for other loggers put the text first, leave one
 * of them out, or log the error alone: that may make a line less tidy, and must not lose it. Never throws. Pure.
 */
import type { LogFields } from './logger.js'

/** Reads the two arguments of a logger's method, whatever they are. */
export function readCall(
  first: unknown,
  second: unknown,
): { readonly fields: LogFields; readonly message: string } {
  if (typeof second === 'string' && isPlain(first)) return { fields: first, message: second }
  if (typeof first === 'string')
    return typeof second === 'string'
      ? { fields: {}, message: `${first} ${second}` }
      : { fields: fieldsOf(second), message: first }
  const message = typeof second === 'string' ? second : first instanceof Error ? first.message : ''
  const rest = typeof second === 'string' || second === undefined ? {} : { value: second }
  return { fields: { ...fieldsOf(first), ...rest }, message }
}

function isPlain(value: unknown): value is LogFields {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
}

function fieldsOf(value: unknown): LogFields {
  if (value === undefined || value === null) return {}
  if (value instanceof Error) return { error: value }
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, one]) => [String(key), one]))
  const hasNames = typeof value === 'object' && !Array.isArray(value) && !(value instanceof Set)
  return hasNames ? ownValues(value) : { value }
}

/** The own values of an object by name; a value that cannot be read becomes a text that says why. */
function ownValues(value: object): LogFields {
  const fields: Record<string, unknown> = Object.create(null)
  try {
    for (const key of Object.keys(value)) fields[key] = readValue(value, key)
  } catch (error) {
    fields.value = notShown(error)
  }
  return fields
}

function readValue(value: object, key: string): unknown {
  try {
    return Reflect.get(value, key)
  } catch (error) {
    return notShown(error)
  }
}

function notShown(error: unknown): string {
  return `(not shown: ${error instanceof Error ? error.message : 'it threw'})`
}
