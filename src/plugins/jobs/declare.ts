/** Keys of a pipeline as texts, as `jobs.Declare` has them → the values that its driver takes. Pure. */
import { defaultsOf, isObject, type Properties, parseJson, type Schema, textOf } from '../../index.js'
import { type PipelineKeys, pipelineProperties } from './section.js'

/** Keys of a pipeline that stand beside its driver's in a file. */
const ownKeys = ['pool', 'records_per_job', 'fair_by', 'fair_window'] as const

/** Keys of a declaration that are not the driver's own. */
const commonKeys: ReadonlySet<string> = new Set(['name', 'driver', ...ownKeys])

/** RoadRunner's clients know some keys by another name than its file does. */
const otherNames: Readonly<Record<string, string>> = { wait_time: 'wait_time_seconds' }

/**
 * Reads the keys of a declaration. Keys that the driver does not have are ignored, as in RoadRunner: its clients send all that they know.
 * Throws with the key for a value that is out of bounds, or for one that is missing.
 */
export function declaredConfig(
  given: Readonly<Record<string, string>>,
  properties: Properties,
): Readonly<Record<string, unknown>> {
  const config: Record<string, unknown> = { ...defaultsOf({ properties }) }
  for (const [key, value] of Object.entries(given)) {
    const name = otherNames[key] ?? key
    const schema = Object.hasOwn(properties, name) ? properties[name] : undefined
    // An empty text is a key that a client left alone.
    if (schema === undefined || commonKeys.has(key) || value === '') continue
    config[name] = declaredValue(name, value, schema)
  }
  for (const [name, schema] of Object.entries(properties))
    if (schema.required === true && config[name] === undefined) throw new Error(`"${name}" is missing`)
  return config
}

/** Reads the keys that stand beside the driver's in a file. Throws with the key for a value that is out of bounds. */
export function declaredKeys(
  given: Readonly<Record<string, string>>,
): PipelineKeys & { readonly pool?: string | undefined } {
  const value = (key: (typeof ownKeys)[number]) => {
    const text = given[key] ?? ''
    return text === '' ? undefined : declaredValue(key, text, pipelineProperties[key])
  }
  const count = (key: 'records_per_job' | 'fair_window') => {
    const read = value(key)
    return typeof read === 'number' ? read : undefined
  }
  return {
    pool: textOf(value('pool')),
    records_per_job: count('records_per_job'),
    fair_by: textOf(value('fair_by')),
    fair_window: count('fair_window'),
  }
}

function declaredValue(name: string, text: string, schema: Schema): unknown {
  if ('anyOf' in schema) return text
  switch (schema.type) {
    case 'integer':
    case 'number':
      return numberOf(name, text, schema)
    case 'boolean':
      if (text === 'true' || text === 'false') return text === 'true'
      throw new Error(`"${name}": ${JSON.stringify(text)} is not true or false`)
    case 'string':
      return textValue(name, text, schema)
    default:
      return structureOf(name, text, schema.type)
  }
}

function numberOf(
  name: string,
  text: string,
  schema: Extract<Schema, { type: 'integer' | 'number' }>,
): number {
  const value = Number(text)
  const { minimum = Number.NEGATIVE_INFINITY, maximum = Number.POSITIVE_INFINITY, type } = schema
  const isNumber = type === 'integer' ? Number.isSafeInteger(value) : Number.isFinite(value)
  if (isNumber && value >= minimum && value <= maximum) return value
  throw new Error(`"${name}": ${JSON.stringify(text)} is not a number from ${minimum} to ${maximum}`)
}

function textValue(name: string, text: string, schema: Extract<Schema, { type: 'string' }>): string {
  const { enum: words, pattern, patternText } = schema
  if (words !== undefined && !words.includes(text))
    throw new Error(`"${name}": ${JSON.stringify(text)} is not one of ${words.join(', ')}`)
  if (pattern !== undefined && !new RegExp(pattern).test(text))
    throw new Error(`"${name}": ${JSON.stringify(text)} is not ${patternText ?? `a text like ${pattern}`}`)
  return text
}

/** Lists and maps are JSON. */
function structureOf(name: string, text: string, type: 'array' | 'map' | 'object' | 'variant'): unknown {
  const value = parseJson(text)
  const isRight = type === 'array' ? Array.isArray(value) : isObject(value)
  if (isRight) return value
  throw new Error(`"${name}" is not ${type === 'array' ? 'a list' : 'an object'} in JSON`)
}
