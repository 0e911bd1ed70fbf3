/** A command as one text → its words, by a shell's quoting rules. No expansion and no shell: nothing is ever interpreted. */

/** The words; undefined when a quote is left open. */
export function commandWords(text: string): string[] | undefined {
  const words: string[] = []
  let word: string | undefined
  let quote: string | undefined
  for (let at = 0; at < text.length; at += 1) {
    const one = text.charAt(at)
    if (quote === "'") {
      if (one === quote) quote = undefined
      else word = (word ?? '') + one
    } else if (
      one === '\\' &&
      at + 1 < text.length &&
      (quote === undefined || '"\\$`'.includes(text.charAt(at + 1)))
    ) {
      at += 1
      word = (word ?? '') + text.charAt(at)
    } else if (one === quote) quote = undefined
    else if (quote === undefined && (one === '"' || one === "'")) {
      quote = one
      word ??= ''
    } else if (quote === undefined && /\s/.test(one)) {
      if (word !== undefined) words.push(word)
      word = undefined
    } else word = (word ?? '') + one
  }
  if (quote !== undefined) return undefined
  if (word !== undefined) words.push(word)
  return words
}
