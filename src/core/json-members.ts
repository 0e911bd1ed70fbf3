/**
 * Cuts the text of a JSON object into its members without changing them: a number keeps its digits, whatever its size, and a key its
 * name. Pure.
 */

/** Member of a JSON object, with its value as it was written. */
export interface JsonMember {
  readonly key: string
  readonly text: string
}

/** Longest line that is parsed; a longer one is plain text, because parsing it would block the event loop. */
const jsonCharactersMax = 2 ** 20

const quote = 0x22
const comma = 0x2c
const colon = 0x3a
const backslash = 0x5c
const openings: ReadonlySet<number> = new Set([0x5b, 0x7b])
const closings: ReadonlySet<number> = new Set([0x5d, 0x7d])

/** Returns the members in order, of duplicate keys the last; undefined when `text` is not a JSON object. */
export function jsonMembers(text: string): readonly JsonMember[] | undefined {
  const trimmed = text.trim()
  if (!trimmed.startsWith('{') || !trimmed.endsWith('}') || trimmed.length > jsonCharactersMax)
    return undefined
  try {
    // The code below relies on it: only valid JSON may go into a line of JSON.
    JSON.parse(trimmed)
  } catch {
    // It only looks like JSON: a plain line.
    return undefined
  }
  return cut(trimmed)
}

/** Splits a text that is known to be a JSON object into its members. */
function cut(text: string): readonly JsonMember[] {
  const members = new Map<string, string>()
  let depth = 0
  let key: string | undefined
  let from = 1
  const take = (end: number) => {
    if (key !== undefined) members.set(key, valueText(text.slice(from, end)))
    key = undefined
    from = end + 1
  }
  for (let at = 1; at < text.length - 1; at += 1) {
    const code = text.charCodeAt(at)
    if (code === quote) at = stringEnd(text, at)
    else if (openings.has(code)) depth += 1
    else if (closings.has(code)) depth -= 1
    else if (depth > 0) continue
    else if (code === comma) take(at)
    else if (code === colon && key === undefined) {
      key = String(JSON.parse(text.slice(from, at)))
      from = at + 1
    }
  }
  take(text.length - 1)
  return [...members].map(([name, value]) => ({ key: name, text: value }))
}

/** The place of the quote that ends the string which begins at `start`. */
function stringEnd(text: string, start: number): number {
  for (let at = text.indexOf('"', start + 1); ; at = text.indexOf('"', at + 1)) {
    let slashes = 0
    while (text.charCodeAt(at - 1 - slashes) === backslash) slashes += 1
    if (slashes % 2 === 0) return at
  }
}

/** Line ends and tabs between tokens go: in JSON they can be nowhere else. */
function valueText(text: string): string {
  const trimmed = text.trim()
  return /[\r\n\t]/.test(trimmed) ? trimmed.replace(/[\r\n\t]/g, ' ') : trimmed
}
