/** The file's values with the place of each: what `load.ts` makes and `validate.ts` reads. Pure data. */
import { unreachable } from '../core/assert.js'

/** Place in a file; lines and columns count from 1. `file` may be a word such as `-o lambda.mode`. */
export interface Place {
  readonly file: string
  readonly line: number
  readonly column: number
}

/** A value of the file. `isQuoted` scalars are text, whatever they look like. */
export type Tree =
  | { readonly kind: 'scalar'; readonly value: Scalar; readonly isQuoted: boolean; readonly at: Place }
  | { readonly kind: 'map'; readonly entries: ReadonlyMap<string, Entry>; readonly at: Place }
  | { readonly kind: 'list'; readonly items: readonly Tree[]; readonly at: Place }

/** A value that holds no others. */
export type Scalar = string | number | boolean | null

/** A key with its value, each with its own place. */
export interface Entry {
  readonly at: Place
  readonly value: Tree
}

/** A fault or a warning of the file, or a note: a fact that is worth knowing, and may well be meant. */
export interface Problem {
  readonly severity: 'error' | 'warning' | 'note'
  readonly at: Place
  /** Value that was read. */
  readonly what: string
  readonly expected?: string
  /** The nearest valid name. */
  readonly nearest?: string
  readonly hint?: string
}

/** Returns `FILE:LINE:COLUMN: what, did you mean "nearest"? Expected …` on one line. */
export function formatProblem({ at, severity, what, expected, nearest, hint }: Problem): string {
  // What was written on the command line has no lines.
  const place = at.file.startsWith('-o ') ? at.file : `${at.file}:${at.line}:${at.column}`
  const claim = severity === 'error' ? what : `${severity}: ${what}`
  const isSentence = hint !== undefined && /^[A-Z]/.test(hint)
  const more = [
    ...(expected === undefined ? [] : [`expected ${expected}`]),
    ...(hint === undefined || isSentence ? [] : [hint]),
  ]
  const end = isSentence ? `. ${hint}` : ''
  if (nearest === undefined) return `${place}: ${[claim, ...more].join(', ')}${end}`
  const sentence = more.join(', ')
  const rest = sentence === '' ? '' : ` ${sentence.charAt(0).toUpperCase()}${sentence.slice(1)}`
  return `${place}: ${claim}, did you mean "${nearest}"?${rest}${sentence === '' && isSentence ? ` ${hint}` : end}`
}

/** Returns a key's value; undefined also for a key without a value. */
export function childOf(tree: Tree | undefined, key: string): Tree | undefined {
  const value = tree?.kind === 'map' ? tree.entries.get(key)?.value : undefined
  return value?.kind === 'scalar' && value.value === null ? undefined : value
}

/** Returns a scalar as text, and an empty text for anything else. */
export function scalarText(tree: Tree | undefined): string {
  return tree?.kind === 'scalar' && tree.value !== null ? String(tree.value) : ''
}

/** The value as ordinary data, for messages and for schemas that take anything. */
export function plain(tree: Tree): unknown {
  switch (tree.kind) {
    case 'scalar':
      return tree.value
    case 'list':
      return tree.items.map(plain)
    case 'map':
      return Object.fromEntries([...tree.entries].map(([key, entry]) => [key, plain(entry.value)]))
    default:
      return unreachable(tree)
  }
}
