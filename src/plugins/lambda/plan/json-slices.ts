/**
 * Finds the parts of a JSON text. A number that is parsed and written again loses digits (a Kafka offset, `1.0`); a slice of the
 * text keeps them. The text must be well formed: it has been parsed before. Pure.
 */

/** A part of the text: from the first byte of a value to the one behind its last. */
export interface Slice {
  readonly start: number
  readonly end: number
}

const byte = {
  quote: 0x22,
  comma: 0x2c,
  colon: 0x3a,
  backslash: 0x5c,
  openList: 0x5b,
  closeList: 0x5d,
  openObject: 0x7b,
  closeObject: 0x7d,
} as const

/** The whole text as one value. */
export function wholeText(json: Buffer): Slice {
  return { start: skipSpace(json, 0), end: json.length }
}

/** The values of an object by their keys; of two equal keys the last counts, as for JSON.parse. Empty for anything else. */
export function membersOf(json: Buffer, object: Slice | undefined): ReadonlyMap<string, Slice> {
  const found = new Map<string, Slice>()
  if (object === undefined || json[object.start] !== byte.openObject) return found
  let at = skipSpace(json, object.start + 1)
  while (json[at] === byte.quote) {
    const keyEnd = endOfString(json, at)
    const key: unknown = JSON.parse(json.toString('utf8', at, keyEnd))
    const start = skipSpace(json, skipSpace(json, keyEnd) + 1)
    const end = endOfValue(json, start)
    found.set(String(key), { start, end })
    at = skipSpace(json, end)
    if (json[at] === byte.comma) at = skipSpace(json, at + 1)
  }
  return found
}

/** The elements of a list, in their order. Empty for anything else. */
export function elementsOf(json: Buffer, list: Slice | undefined): readonly Slice[] {
  const found: Slice[] = []
  if (list === undefined || json[list.start] !== byte.openList) return found
  let at = skipSpace(json, list.start + 1)
  while (at < list.end && json[at] !== byte.closeList) {
    const end = endOfValue(json, at)
    found.push({ start: at, end })
    at = skipSpace(json, end)
    if (json[at] === byte.comma) at = skipSpace(json, at + 1)
  }
  return found
}

function skipSpace(json: Buffer, from: number): number {
  let at = from
  while (at < json.length && (json[at] ?? 0) <= 0x20) at += 1
  return at
}

function endOfValue(json: Buffer, start: number): number {
  const first = json[start]
  if (first === byte.quote) return endOfString(json, start)
  if (first === byte.openObject || first === byte.openList) return endOfNest(json, start)
  let at = start
  while (at < json.length && !isEnd(json[at] ?? 0)) at += 1
  return at
}

function isEnd(value: number): boolean {
  return value <= 0x20 || value === byte.comma || value === byte.closeObject || value === byte.closeList
}

/** Counts the depth instead of recursing: a text may be nested deeper than the stack allows. */
function endOfNest(json: Buffer, start: number): number {
  let depth = 0
  let at = start
  while (at < json.length) {
    const value = json[at]
    if (value === byte.quote) {
      at = endOfString(json, at)
      continue
    }
    at += 1
    if (value === byte.openObject || value === byte.openList) depth += 1
    else if (value === byte.closeObject || value === byte.closeList) depth -= 1
    if (depth === 0) break
  }
  return at
}

function endOfString(json: Buffer, start: number): number {
  for (let at = start + 1; ; ) {
    const quote = json.indexOf(byte.quote, at)
    if (quote < 0) return json.length
    let backslashes = 0
    while (json[quote - 1 - backslashes] === byte.backslash) backslashes += 1
    at = quote + 1
    if (backslashes % 2 === 0) return at
  }
}
