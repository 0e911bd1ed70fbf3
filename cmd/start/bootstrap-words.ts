/** Reads the words of `rr bootstrap` without commander, which takes longer to load than all else that is needed here. Pure. */

/** Options of `rr bootstrap`, as `cmd/options.ts` names them. */
export interface BootstrapWords {
  readonly config?: string
  readonly workdir?: string
  readonly override: readonly string[]
  readonly dotenv?: string
  readonly handler?: string
}

const names: ReadonlyMap<string, 'config' | 'workdir' | 'override' | 'dotenv'> = new Map([
  ['-c', 'config'],
  ['--config', 'config'],
  ['-w', 'workdir'],
  ['--workdir', 'workdir'],
  ['-o', 'override'],
  ['--override', 'override'],
  ['--dotenv', 'dotenv'],
])

/**
 * Returns the options of `bootstrap` when the words are plain: each option is a word of its own, and so is its value. Undefined for
 * everything else (another command, `--help`, `-cFILE`, a mistake), which is commander's.
 */
export function bootstrapWords(words: readonly string[]): BootstrapWords | undefined {
  const [command, ...rest] = words
  if (command !== 'bootstrap') return undefined
  const found: { -readonly [K in keyof BootstrapWords]: BootstrapWords[K] } = { override: [] }
  for (let at = 0; at < rest.length; at += 1) {
    const word = rest[at] ?? ''
    const name = names.get(word)
    if (name !== undefined) at += 1
    const value = rest[at]
    if (value === undefined || value.startsWith('-')) return undefined
    if (name === 'override') found.override = [...found.override, value]
    else if (name !== undefined) found[name] = value
    else if (found.handler === undefined) found.handler = value
    else return undefined
  }
  return found
}
