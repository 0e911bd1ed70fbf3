/** Text of HTTP as Go reads and writes it, since RoadRunner's workers know no other: escapes, names, lines. Pure. */

/**
 * Go's `url.QueryUnescape`: `+` is a space, `%41` a byte. Undefined when a `%` is followed by no two hex digits; bytes that
 * are not UTF-8 become U+FFFD, as Go's JSON writes them.
 */
export function unescapeQuery(text: string): string | undefined {
  if (!/[%+]/.test(text)) return text
  if (/%(?![0-9a-fA-F]{2})/.test(text)) return undefined
  const spaced = text.replaceAll('+', ' ')
  if (!spaced.includes('%')) return spaced
  try {
    return decodeURIComponent(spaced)
  } catch {
    // Bytes that are not UTF-8 are read one by one.
    const bytes = Buffer.from(spaced, 'utf8').toString('latin1')
    const plain = bytes.replace(/%(..)/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
    return Buffer.from(plain, 'latin1').toString('utf8')
  }
}

/** `encodeURIComponent` for any text: half a surrogate pair becomes U+FFFD instead of throwing. */
export function escapeQuery(text: string): string {
  return encodeURIComponent(Buffer.from(text, 'utf8').toString('utf8'))
}

/**
 * A query as it can stand in a request line: removes line breaks and escapes characters that no client can have sent.
 */
export function queryLine(text: string): string {
  return oneLine(text).replace(/[^\x21-\x7e]+|#/g, escapeQuery)
}

/**
 * A path as it stood in the request line. Some gateways hand it over decoded, and a blank or a question mark in it would make
 * another address of the whole.
 */
export function pathLine(text: string): string {
  const escaped = oneLine(text).replace(/%(?![0-9a-fA-F]{2})/g, '%25')
  return escaped.replace(/[^\x21-\x7e]+|[?#"<>\\^`{|}]/g, escapeQuery)
}

/** Removes line breaks. */
function oneLine(text: string): string {
  return text.replace(/[\r\n]/g, '')
}

/** True for a text that HTTP accepts as the name of a header, a method or a cookie. */
export function isToken(text: string): boolean {
  return /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(text)
}

/** `content-type` → `Content-Type`, as Go writes header names. */
export function canonicalName(name: string): string {
  return name
    .toLowerCase()
    .replace(/(^|-)([a-z])/g, (_, dash: string, letter: string) => dash + letter.toUpperCase())
}

/** The cookies of `Cookie` lines as Go reads them: bad names and values are left out, the later of two wins. */
export function readCookies(lines: readonly string[]): Readonly<Record<string, string>> {
  const cookies = new Map<string, string>()
  for (const pair of lines.flatMap((line) => line.split(';'))) {
    const equals = pair.indexOf('=')
    const name = (equals < 0 ? pair : pair.slice(0, equals)).trim()
    const given = equals < 0 ? '' : pair.slice(equals + 1).trim()
    const bare = /^"(.*)"$/.exec(given)?.[1] ?? given
    const value = /^[\x20\x21\x23-\x3a\x3c-\x5b\x5d-\x7e]*$/.test(bare) ? unescapeQuery(bare) : undefined
    if (isToken(name) && value !== undefined) cookies.set(name, value)
  }
  return Object.fromEntries(cookies)
}
