/** Words the YAML parser's errors for the author of the file: what was read and what to write instead. */
import type { Document, YAMLParseError } from 'yaml'
import type { Place, Problem } from '../../src/schema/tree.js'

/** Source text of a fault. */
export interface FaultySource {
  readonly text: string
  readonly document: Document.Parsed
  readonly place: (offset: number) => Place
  /** The package `yaml`, which is loaded late. */
  readonly yaml: Pick<typeof import('yaml'), 'isScalar' | 'visit'>
}

/** All faults in the order of the file; those that only follow from a variable without quotes are left out. */
export function yamlFaults(source: FaultySource): readonly Problem[] {
  const problems = new Map<number, Problem>()
  let hasBareVariable = false
  for (const error of source.document.errors) {
    const bare = bareVariable(source.text, error.pos[0])
    if (bare !== undefined) {
      hasBareVariable = true
      problems.set(bare.offset, bareProblem(bare, source.place))
    } else if (!hasBareVariable) problems.set(error.pos[0], problemOf(error, source))
  }
  return [...problems.values()]
}

function problemOf(error: YAMLParseError, source: FaultySource): Problem {
  const at = source.place(error.pos[0])
  const repeated = error.code === 'DUPLICATE_KEY' ? repeatedKey(error.pos[0], source) : undefined
  if (repeated === undefined) return { severity: 'error', at, what: `not YAML: ${sentence(error.message)}` }
  const { file, line, column } = source.place(repeated.firstOffset)
  return {
    severity: 'error',
    at,
    what: `the key "${repeated.key}" is written twice, first at ${file}:${line}:${column}`,
    hint: 'remove one of them',
  }
}

/** The key at an offset, and where the same key stands before it. */
function repeatedKey(
  offset: number,
  { document, yaml: { isScalar, visit } }: FaultySource,
): { readonly key: string; readonly firstOffset: number } | undefined {
  let found: { key: string; firstOffset: number } | undefined
  visit(document, {
    Map: (_, { items }) => {
      const keys = items.map(({ key }) => key).filter((key) => isScalar(key))
      const repeated = keys.find(({ range }) => range?.[0] === offset)
      const first = keys.find(({ value }) => value === repeated?.value)
      if (repeated === undefined || !first?.range) return undefined
      found = { key: String(repeated.value), firstOffset: first.range[0] }
      return visit.BREAK
    },
  })
  return found
}

interface BareVariable {
  readonly offset: number
  /** The value as it was meant. */
  readonly word: string
}

/** A `${VAR}` whose brace the parser took for that of a map, which it does inside `{ }` and `[ ]`. */
function bareVariable(text: string, braceOffset: number): BareVariable | undefined {
  if (text[braceOffset] !== '{' || text[braceOffset - 1] !== '$') return undefined
  const before =
    /(?:[^\s,[\]{}]|\$\{[^}\n]*\})*$/.exec(text.slice(Math.max(0, braceOffset - 200), braceOffset))?.[0] ?? ''
  const offset = braceOffset - before.length
  const word = /^(?:[^\s,[\]{}]|\{[^}\n]*\})*/.exec(text.slice(offset))?.[0] ?? ''
  return { offset, word }
}

function bareProblem({ offset, word }: BareVariable, place: FaultySource['place']): Problem {
  return {
    severity: 'error',
    at: place(offset),
    what: `not YAML: ${word} inside { } or [ ] is read as a map`,
    hint: `quote it: "${word}"`,
  }
}

function sentence(message: string): string {
  const [first = ''] = message.split('\n')
  return first.charAt(0).toLowerCase() + first.slice(1)
}
