/** `${VAR}`, `${VAR:-default}` and `$VAR` in a text. Pure. */
import type { Place, Problem, Scalar } from '../../src/schema/tree.js'

/** Result of an expansion. */
export interface Expanded {
  readonly text: string
  /** Variables without a value and without a default: they became empty. */
  readonly missing: readonly string[]
}

const variable = /\$(?:\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}|([A-Za-z_][A-Za-z0-9_]*))/g

/** Replaces variables by their values; a set but empty one takes its default, as in a shell's `:-`. */
export function expandText(text: string, env: Readonly<Record<string, string | undefined>>): Expanded {
  const missing: string[] = []
  const expanded = text.replace(variable, (_whole, braced?: string, fallback?: string, bare?: string) => {
    const name = braced ?? bare ?? ''
    const value = env[name]
    if (value !== undefined && value !== '') return value
    if (fallback !== undefined) return fallback
    if (value === undefined) missing.push(name)
    return ''
  })
  return { text: expanded, missing }
}

/** Replaces variables in a scalar; a missing one is a warning. */
export function expandScalar(
  value: Scalar,
  env: Readonly<Record<string, string | undefined>>,
  at: Place,
): { readonly value: Scalar; readonly problems: readonly Problem[] } {
  if (typeof value !== 'string') return { value, problems: [] }
  const { text, missing } = expandText(value, env)
  const problems = missing.map((name): Problem => {
    const what = `the environment variable ${name} is not set and counts as empty`
    return { severity: 'warning', at, what, hint: `write \${${name}:-default}` }
  })
  return { value: text, problems }
}
