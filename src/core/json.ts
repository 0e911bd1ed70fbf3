/** Narrows values of unknown shape, as `JSON.parse` returns them. Pure. */

/** A JSON object. */
export type JsonObject = Readonly<Record<string, unknown>>

/** Tells whether a value is an object and not a list. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Returns the value if it is an object, else an empty one. */
export function objectOf(value: unknown): JsonObject {
  return isObject(value) ? value : {}
}

/** Returns a text that is not empty; undefined for anything else. */
export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** Parses a text, or bytes as UTF-8; undefined when it is not JSON, which no JSON text means. */
export function parseJson(json: string | Buffer): unknown {
  try {
    return JSON.parse(typeof json === 'string' ? json : json.toString('utf8'))
  } catch {
    return undefined
  }
}
