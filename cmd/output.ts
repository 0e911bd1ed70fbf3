/** Escapes text from outside, so that it can be printed on a terminal, also within JSON. */

// Characters that move a cursor, change a title, hide text or turn its direction: controls (C0, DEL, C1) and format characters, except
// the joiners that emoji and some scripts are written with.
const unprintable = /(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}]/gu

/** Returns the text on one line, with unprintable characters as their codes, e.g. `\x1b`, `\u202e`. */
export function printable(text: string): string {
  return text.replace(unprintable, codeOf)
}

/** Does the same for each line of a text; all lines but the first are indented. */
export function printableLines(text: string, indent = ''): string {
  return text.split('\n').map(printable).join(`\n${indent}`)
}

/** Returns a value as JSON on one line, without characters that a terminal would interpret. */
export function printableJson(value: unknown): string {
  // Within JSON such characters can only stand in texts, where an escape means the same.
  return JSON.stringify(value).replace(unprintable, (one) =>
    Array.from({ length: one.length }, (_, at) => `\\u${hex(one.charCodeAt(at), 4)}`).join(''),
  )
}

function codeOf(one: string): string {
  const code = one.codePointAt(0) ?? 0
  if (code < 0x100) return `\\x${hex(code, 2)}`
  return code < 0x10000 ? `\\u${hex(code, 4)}` : `\\u{${hex(code, 5)}}`
}

function hex(code: number, digits: number): string {
  return code.toString(16).padStart(digits, '0')
}
