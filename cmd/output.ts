/** Text that came from elsewhere, made fit for a terminal and for JSON that is printed on one. */

// Characters that move a cursor, change a title, hide text or turn its direction: controls (C0, DEL, C1) and format characters, except
// the joiners that emoji and some scripts are written with.
const unprintable = /(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}]/gu

/** The text on one line: what is not printable is shown as its code, e.g. `\x1b`, `\u202e`. */
export function printable(text: string): string {
  return text.replace(unprintable, codeOf)
}

/** The same for a text of several lines, which stay lines; all but the first get the indent. */
export function printableLines(text: string, indent = ''): string {
  return text.split('\n').map(printable).join(`\n${indent}`)
}

/** A value as JSON on one line, in which no character is one that a terminal obeys. */
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
