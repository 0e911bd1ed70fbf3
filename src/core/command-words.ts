/** A command as one text → its words, by a shell's quoting rules. No expansion and no shell: nothing is ever interpreted. */

interface Word {
  text: string
  /** Some of it was quoted or escaped: it is meant as it stands. */
  isQuoted: boolean
}

/** The words; undefined when a quote is left open. */
export function commandWords(text: string): string[] | undefined {
  return split(text)?.map((word) => word.text)
}

/**
 * The first word that only a shell would understand and that nothing quotes: an operator, a redirection, a leading
 * assignment, a substitution, `~/`. Undefined when there is none.
 */
export function shellWord(text: string): string | undefined {
  const words = split(text) ?? []
  const isForShell = ({ text: word, isQuoted }: Word, at: number) =>
    !isQuoted &&
    (/&&|\||\$\(|`|^\d*[<>]|;$|^&$|^~(\/|$)/.test(word) ||
      (at === 0 && /^[A-Za-z_][A-Za-z0-9_]*=/.test(word)))
  return words.find(isForShell)?.text
}

function split(text: string): Word[] | undefined {
  const words: Word[] = []
  let word: Word | undefined
  let quote: string | undefined
  for (let at = 0; at < text.length; at += 1) {
    const one = text.charAt(at)
    if (quote === undefined && /\s/.test(one)) {
      if (word !== undefined) words.push(word)
      word = undefined
      continue
    }
    word ??= { text: '', isQuoted: false }
    const isEscape =
      one === '\\' &&
      quote !== "'" &&
      at + 1 < text.length &&
      (quote === undefined || '"\\$`'.includes(text.charAt(at + 1)))
    if (isEscape) {
      at += 1
      word.text += text.charAt(at)
      word.isQuoted = true
    } else if (one === quote) quote = undefined
    else if (quote === undefined && (one === '"' || one === "'")) {
      quote = one
      word.isQuoted = true
    } else word.text += one
  }
  if (quote !== undefined) return undefined
  if (word !== undefined) words.push(word)
  return words
}
